-- Labels that are for no parcel are few among many.
CREATE INDEX print_jobs_of_the_house ON print_jobs (created_ms) WHERE kind <> 'waybill';
