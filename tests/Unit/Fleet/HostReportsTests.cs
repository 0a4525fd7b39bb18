using HostService.GrainInterfaces;
using HostService.Silo.Fleet;

namespace HostService.Tests.Unit.Fleet;

public sealed class HostReportsTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 30, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_report_has_the_hosts_room_and_its_users_and_not_those_that_nobody_uses()
    {
        var report = HostReports.Of(
            Host(),
            [
                Mandelbox("a", MandelboxState.Running),
                Mandelbox("host-service-waiting-000000000001", MandelboxState.Waiting),
                Mandelbox("host-service-waiting-000000000002", MandelboxState.Waiting),
                Mandelbox("host-service-waiting-000000000003", MandelboxState.Started),
                Mandelbox(MandelboxIds.WarmUp, MandelboxState.Running),
            ],
            upgrade: null, page: "");

        Assert.Equal(("one", "203.0.113.7", "us-east-1", "1.2.3"), (report.Host, report.Address, report.Region, report.Version));
        Assert.Equal((40, 7), (report.Capacity, report.Free));
        Assert.Equal(["a"], report.Mandelboxes.Select(m => m.MandelboxId));
        Assert.Equal(("browsers/chrome", 2), report.Waiting.Select(app => (app.Key, app.Value)).Single());
    }

    [Fact]
    public void A_kind_of_gpu_is_told_once_and_only_while_one_of_it_is_healthy()
    {
        var report = HostReports.Of(Host() with { Gpus = [Gpu(0, "T4"), Gpu(1, "T4"), Gpu(2, "A10") with { Unhealthy = "lost" }] }, [], upgrade: null, page: "");

        Assert.Equal(["T4"], report.GpuKinds);
    }

    private static GpuDescription Gpu(int index, string name) => new() { Index = index, Name = name, Uuid = $"GPU-{index}" };

    private static MandelboxDescription Mandelbox(string id, MandelboxState state) =>
        new() { MandelboxId = id, State = state, Since = Start, CreatedAt = Start, AppName = "browsers/chrome" };

    private static HostDescription Host() => new()
    {
        Identity = new HostIdentity("one", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "203.0.113.7"),
        Status = HostStatus.Active,
        Environment = "PROD",
        Version = "host-service 1.2.3",
        VersionNumber = "1.2.3",
        StartedAt = Start,
        Ttys = new PoolFigures(54, 3),
        TcpPorts = new PoolFigures(1000, 0),
        UdpPorts = new PoolFigures(1000, 0),
        Slots = new PoolFigures(40, 3),
        Mandelboxes = 1,
        Free = 7,
    };
}
