"""What is the same for every dialect when a request is fitted to a target: names, schemas, histories, room to think."""
