using HostService.Silo.Cli;

return await CommandLine.InvokeAsync(args);
