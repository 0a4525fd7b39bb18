using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>Checks that need no change of the machine (B2, B4).</summary>
public sealed partial class Preconditions(
    RunningEnvironment running,
    IConfiguration configuration,
    IOptions<HostOptions> host,
    ExclusiveUse exclusive,
    Leftovers leftovers,
    ILogger<Preconditions> logger)
{
    /// <exception cref="StartRefusedException">One of them is not met.</exception>
    public void Check()
    {
        LogVersion(ServiceVersion.Line, running.Value.Name);
        if (ServiceConfiguration.EnvironmentWarning(configuration) is { } warning)
        {
            LogEnvironment(warning);
        }

        if (host.Value.ManageSystem && !Environment.IsPrivilegedProcess)
        {
            throw new StartRefusedException(
                ExitCodes.Refused,
                "The host service manages the machine and must run as root. Start it as root, or without that part: "
                + "Host__ManageSystem=false (and Host__Root, Host__PrivateRoot and Host__CloudStorageRoot at places of your own).");
        }

        exclusive.ClaimDirectoriesAndPorts();
        leftovers.Check();
    }

    [LoggerMessage(LogLevel.Information, "{Version}, environment {Environment}")]
    private partial void LogVersion(string version, string environment);

    [LoggerMessage(LogLevel.Warning, "{Warning}")]
    private partial void LogEnvironment(string warning);
}
