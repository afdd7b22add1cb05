"""JT/T 808, the protocol of Chinese vehicle terminals: `codec` has its messages, `driver` listens to terminals."""
