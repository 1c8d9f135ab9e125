"""What is deployed: images, manifests, the load balancer, and the pages that explain them."""
