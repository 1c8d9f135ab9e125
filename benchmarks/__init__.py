"""What a request costs: the service beside baselines and other gateways, under one load on one machine."""
