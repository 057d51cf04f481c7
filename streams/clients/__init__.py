"""Plain aiokafka: connections, clients, followers, administration, the embedded broker."""
