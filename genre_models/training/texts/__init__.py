"""What is trained on: texts as they were sent, and the requests and examples made of them."""
