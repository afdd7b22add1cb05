"""The daemon on a gateway: reads devices, keeps everything on disk, sends it until the cloud has stored it."""
