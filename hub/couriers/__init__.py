"""Couriers that issue a waybill number only when they are asked for one parcel's."""
