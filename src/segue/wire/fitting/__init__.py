"""What every dialect shares when a request is fitted to a target: names, schemas, histories, room to think."""
