"""The local stand-in for AWS: moto, extended with what it lacks, persisted."""
