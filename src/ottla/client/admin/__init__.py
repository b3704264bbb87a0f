"""Admin calls, a module a noun: functions that take a `Client` and wait for their answer."""
