"""From a container's definition to a running container. Knows no trio and no service."""
