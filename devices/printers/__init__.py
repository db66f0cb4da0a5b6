"""Labels and the printers that print them: one parcel, one waybill, one label."""
