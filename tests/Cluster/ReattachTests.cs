using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Cluster;

/// <summary>Mandelboxes whose containers outlived a crash of the service are taken over.</summary>
public sealed class ReattachTests
{
    private const string Key = "00112233445566778899aabbccddeeff";

    private static readonly DateTimeOffset Began = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly DateTimeOffset Ran = Began.AddSeconds(2);
    private static readonly MandelboxPhase[] Phases = [new(MandelboxState.Allocated, Began), new(MandelboxState.Running, Ran)];

    [Fact]
    public async Task One_that_is_taken_over_has_its_lease_and_its_key_and_ends_like_any_other()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var left = await LeaveAsync(cluster, "m1", tty: 12);
        Record(cluster, left, FetchOutcome.Restored);

        Assert.Null(await cluster.Mandelbox("m1").Reattach(left));

        var described = (await cluster.Mandelbox("m1").Describe())!;
        Assert.Equal((MandelboxState.Running, left.ContainerId), (described.State, described.ContainerId));

        // Its age goes on.
        Assert.Equal((Began, Ran), (described.CreatedAt, described.Since));
        Assert.Equal(Phases, described.Phases);
        Assert.Equal(left.Lease.Id, described.Lease!.Id);
        Assert.Equal(1, (await cluster.Host.Describe()).Ttys.Used);
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Events.WhenIdleAsync();
        Assert.Single(cluster.Engine.Containers);

        // Its own request gets its answer again; anybody else's is refused.
        Assert.Equal(new MandelboxAccess(20001, 20002, 20003, Key), (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Access);
        Assert.Equal("duplicate", (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request("another"))).Failure!.Phase);

        Assert.True(await cluster.Mandelbox("m1").Stop("it is enough"));
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Equal("user", Assert.Single(cluster.UserConfigs.Saved).UserId);
        Assert.Empty(cluster.Engine.Containers);
        Assert.Empty(Records(cluster).ReadAll());
        Assert.Equal((0, 0), ((await cluster.Host.Describe()).Ttys.Used, (await cluster.Host.Describe()).Leaks));
    }

    [Fact]
    public async Task One_without_a_record_goes_on_and_is_not_saved()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var left = await LeaveAsync(cluster, "m1", tty: 12);

        Assert.Null(await cluster.Mandelbox("m1").Reattach(left));

        Assert.Contains((await cluster.Mandelbox("m1").Describe())!.Warnings, w => w.Contains("record", StringComparison.Ordinal));

        // Its user is told what to do, and nobody else's is.
        Assert.Equal(SpinUpPhases.KeyLost, (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!.Phase);
        var another = HostCluster.Request() with { UserId = "another" };
        Assert.Equal("duplicate", (await cluster.Mandelbox("m1").SpinUp(another)).Failure!.Phase);
        await cluster.Mandelbox("m1").Stop("it is enough");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Empty(cluster.UserConfigs.Saved);
        Assert.Equal(0, (await cluster.Host.Describe()).Ttys.Used);
    }

    [Fact]
    public async Task One_whose_lease_another_holds_is_ended_and_its_configs_are_saved()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null(await cluster.Mandelbox("first").Reattach(await LeaveAsync(cluster, "first", tty: 12)));
        var second = await LeaveAsync(cluster, "second", tty: 12);
        Record(cluster, second, FetchOutcome.FirstRun);

        Assert.Contains("TTY 12", await cluster.Mandelbox("second").Reattach(second), StringComparison.Ordinal);

        await cluster.Watcher.Until("second", MandelboxState.Gone);
        Assert.Single(cluster.UserConfigs.Saved);
        Assert.Equal(MandelboxState.Running, (await cluster.Mandelbox("first").Describe())!.State);
        Assert.Single(cluster.Engine.Containers);
    }

    [Fact]
    public async Task Input_devices_that_systemd_has_kept_go_with_the_mandelbox()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var left = await LeaveAsync(cluster, "m1", tty: 12);
        cluster.Input.Kept["m1"] = true;

        Assert.Null(await cluster.Mandelbox("m1").Reattach(left));
        Assert.Equal(1, cluster.Input.Open);

        await cluster.Mandelbox("m1").Stop("it is enough");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Equal(0, cluster.Input.Open);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_whose_lease_call_fails_is_ended_keeps_nothing_and_is_no_failure_of_the_start(bool isDelivered)
    {
        var calls = new LossyCalls();
        await using var cluster = await new HostCluster
        {
            Replace = services => services.AddSingleton<IOutgoingGrainCallFilter>(calls),
        }.StartAsync();
        var left = await LeaveAsync(cluster, "m1", tty: 12);
        calls.Lose(nameof(IHostGrain.RestoreLease), isDelivered);

        Assert.Contains("was lost", await cluster.Mandelbox("m1").Reattach(left), StringComparison.Ordinal);

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Empty(cluster.Engine.Containers);
        Assert.Equal((0, 0), ((await cluster.Host.Describe()).Ttys.Used, (await cluster.Host.Describe()).Leaks));
    }

    private static MandelboxRecords Records(HostCluster cluster) => new(
        Options.Create(new HostOptions { Root = cluster.Root, RuntimeRoot = cluster.RuntimeRoot }),
        NullLogger<MandelboxRecords>.Instance);

    private static void Record(HostCluster cluster, ReattachRequest left, FetchOutcome fetched) => Records(cluster).Write(
        new MandelboxRecord
        {
            MandelboxId = left.Lease.MandelboxId,
            ContainerId = left.ContainerId,
            UserId = left.UserId,
            AppName = left.AppName,
            SessionId = left.SessionId,
            AesKey = Key,
            Fetched = fetched,
            ArchiveKey = ArchiveKey.New("0123456789abcdef").ToSecret(),
            Phases = Phases,
        });

    /// <summary>A running container, and its mandelbox's directory, as a crash leaves them.</summary>
    private static async Task<ReattachRequest> LeaveAsync(HostCluster cluster, string id, int tty)
    {
        var request = HostCluster.Request();
        var lease = new Lease(Guid.NewGuid(), id, tty, 0,
        [
            new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20001),
            new PortBinding(MandelboxPorts.Media, Transport.Udp, 20002),
            new PortBinding(MandelboxPorts.Secondary, Transport.Tcp, 20003),
        ]);
        Directory.CreateDirectory(new MandelboxPaths(cluster.Root, id).UserConfigs);
        var container = await cluster.Engine.CreateAsync(
            new ContainerSpec
            {
                Name = $"mandelboxes-demo-{id}",
                Image = "fractal/mandelboxes/demo:current-build",
                Labels = ContainerLabels.Write(new ContainerOwner(HostCluster.InstanceName, HostCluster.Run, cluster.Root), lease, request),
            },
            CancellationToken.None);
        await cluster.Engine.StartAsync(container, CancellationToken.None);
        return new ReattachRequest(container, lease, request.UserId, request.AppName, request.SessionId);
    }
}
