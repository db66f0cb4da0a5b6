"""A shop that misbehaves on purpose, for rehearsals and tests.

It takes orders, sends webhooks, shows stock and keeps fulfilments, over real HTTP, as the generic
channel, as Shopify and as WooCommerce. What it does wrong is told to it: which call, how often,
and how.
"""
