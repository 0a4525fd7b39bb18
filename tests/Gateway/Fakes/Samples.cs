using HostService.GrainInterfaces;

namespace HostService.Tests.Gateway.Fakes;

/// <summary>Things that grains answer, and bodies that are right.</summary>
internal static class Samples
{
    public const string AesKey = "0123456789abcdef0123456789abcdef";

    public static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static readonly SpinUpAnswer Ready = SpinUpAnswer.Ready(new MandelboxAccess(30001, 30002, 30003, AesKey));

    public static Dictionary<string, object?> SpinUp(string? token = null) => new(StringComparer.Ordinal)
    {
        ["app_name"] = "browsers/chrome",
        ["config_encryption_token"] = "1234567890",
        ["jwt_access_token"] = token ?? "",
        ["mandelbox_id"] = "box-1",
        ["session_id"] = 1234567890UL,
    };

    public static HostDescription Host(HostStatus status = HostStatus.Active, params string[] notReady) => new()
    {
        Identity = new HostIdentity(GatewayHost.InstanceName, "i-0123", "g4dn.xlarge", "ami-0123", "us-east-1", "203.0.113.1"),
        Status = status,
        Environment = "LOCALDEV",
        Version = "host-service 1.0.0 (0123456789abcdef0123456789abcdef01234567) on .NET 10.0.0",
        VersionNumber = "1.0.0",
        Commit = "0123456789abcdef0123456789abcdef01234567",
        StartedAt = Now,
        Ttys = new PoolFigures(54, 2),
        TcpPorts = new PoolFigures(48123, 4),
        UdpPorts = new PoolFigures(48124, 2),
        Slots = new PoolFigures(4, 2),
        Sandboxes = new PoolFigures(4, 1),
        Waiting = new PoolFigures(3, 2),
        Reserved = 3,
        Mandelboxes = 2,
        Gpus =
        [
            new GpuDescription { Index = 0, Name = "Tesla \"T4\"", Uuid = "GPU-a", TotalMemoryKb = 15_360_000, FreeMemoryKb = 15_000_000, UtilisationPercent = 25, Used = 2 },
            new GpuDescription { Index = 1, Name = "Tesla T4", Uuid = "GPU-b", Unhealthy = "XID 79" },
        ],
        Metrics = new MachineFigures { At = Now, TotalMemoryKb = 16_000_000, CpuPercent = 12.5, Load1 = 0.5, LogicalCpus = 4 },
        NotReady = notReady,
    };

    public static MandelboxDescription Mandelbox(string id = "box-1", MandelboxState state = MandelboxState.Running, int age = 0) => new()
    {
        MandelboxId = id,
        State = state,
        Since = Now,
        CreatedAt = Now.AddSeconds(-age),
        AppName = "browsers/chrome",
        UserId = "auth0|1",
        SessionId = ulong.MaxValue,
        Lease = new Lease(Guid.Empty, id, 10, 0, [new PortBinding(32262, Transport.Tcp, 30001)]),
    };
}
