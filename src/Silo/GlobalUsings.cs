// The generic host has a HostOptions, too; here it is always ours that is meant.
global using HostOptions = HostService.Infrastructure.HostOptions;
