using HostService.GrainInterfaces;
using HostService.Grains.Host.Consistency;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Processes;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Cluster;

/// <summary>What belongs to no mandelbox is given back, and what a mandelbox has lost is noticed.</summary>
public sealed class ConsistencyTests : IAsyncLifetime
{
    private static readonly TimeSpan GracePeriod = TimeSpan.FromMinutes(1);

    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<ConsistencyCheck> _log = new();
    private readonly ScratchDirectory _proc = new();
    private readonly AskedFilter _asked = new();
    private readonly HostCluster _cluster;
    private ConsistencyCheck _check = null!;

    public ConsistencyTests() => _cluster = new HostCluster
    {
        Replace = services => services.AddSingleton(new ContainerProcesses(_proc.Path)).AddSingleton<IOutgoingGrainCallFilter>(_asked),
    };

    public async Task InitializeAsync()
    {
        await _cluster.StartAsync();
        _check = ActivatorUtilities.CreateInstance<ConsistencyCheck>(
            _cluster.Services, Options.Create(new ConsistencyOptions { GracePeriod = GracePeriod }), _clock, _log);
    }

    public async Task DisposeAsync()
    {
        await _check.WhenIdleAsync();
        _check.Dispose();
        await _cluster.DisposeAsync();
        _proc.Dispose();
    }

    [Fact]
    public async Task A_host_whose_mandelboxes_live_start_and_end_has_no_differences()
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        using var creation = _cluster.Engine.Hold(EngineCall.Create);
        var spinUp = _cluster.Mandelbox("m2").SpinUp(HostCluster.Request());
        await creation.Entered;

        Assert.Empty(await _check.CheckAsync(default));

        creation.Release();
        await spinUp;
        using var grace = _cluster.Engine.Hold(EngineCall.Stop);
        var stop = _cluster.Mandelbox("m2").Stop("test");
        await grace.Entered;
        Assert.Empty(await _check.CheckAsync(default));
        grace.Release();
        await stop;
        Assert.Empty(await _check.CheckAsync(default));
    }

    [Fact]
    public async Task A_forgotten_mandelboxs_configs_are_saved_and_all_of_it_goes_after_the_grace_period()
    {
        Forget("m1");

        var found = await _check.CheckAsync(default);
        Assert.Equal(
            ["Directory m1", "Directory temp/m1", "Record m1", "Row m1"], found.Select(d => $"{d.Kind} {d.Name}").Order());
        await _check.WhenIdleAsync();
        Assert.Equal(4, (await _cluster.Host.Describe()).Leaks);
        Assert.True(Directory.Exists(new MandelboxPaths(_cluster.Root, "m1").UserConfigs));

        await MendAsync();
        await _cluster.Watcher.Until("m1", MandelboxState.Gone);

        Assert.Equal("user", Assert.Single(_cluster.UserConfigs.Saved).UserId);
        Assert.Empty(await _check.CheckAsync(default));
        await AssertNothingIsLeftAsync();
        Assert.Equal(EndCause.Remains, (await _cluster.Host.ListEnded(1))[0].EndCause);
        Assert.Single(_log.Lines, line => line.StartsWith("Warning: Mandelbox m1: Record m1 belongs to no mandelbox", StringComparison.Ordinal));
        Assert.Single(_log.Lines, line => line.StartsWith("Information: Mandelbox m1: Record m1 is in order again", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(1, false)]
    public async Task The_grace_period_is_as_long_as_ever_when_the_time_of_day_is_set(int hours, bool hasPassed)
    {
        await _cluster.Host.AcquireLease(new LeaseRequest(Guid.NewGuid(), "nobody"));
        await _check.CheckAsync(default);

        _clock.Set(TimeSpan.FromHours(hours));
        _clock.Advance(hasPassed ? GracePeriod : GracePeriod / 2);
        await _check.CheckAsync(default);
        await _check.WhenIdleAsync();

        if (hasPassed)
        {
            await _cluster.Watcher.Until("nobody", MandelboxState.Gone);
        }
        else
        {
            Assert.Single(await _check.CheckAsync(default));
        }
    }

    [Fact]
    public async Task User_configs_that_cannot_be_saved_stay_until_they_can()
    {
        Forget("m1");
        var isHeld = new TaskCompletionSource();
        _cluster.UserConfigs.HoldSave = isHeld;
        _cluster.UserConfigs.Refusals.Enqueue("the store does not answer");
        _cluster.UserConfigs.Refusals.Enqueue("the store does not answer yet");
        await _check.CheckAsync(default);
        _clock.Advance(GracePeriod);
        await _check.CheckAsync(default);
        await _cluster.Watcher.Until("m1", MandelboxState.Dying);
        Assert.True(Directory.Exists(new MandelboxPaths(_cluster.Root, "m1").UserConfigs));
        Assert.Equal("duplicate", (await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!.Phase);

        isHeld.SetResult();
        await _cluster.Watcher.Until("m1", MandelboxState.Gone);

        Assert.Single(_cluster.UserConfigs.Saved);
        await AssertNothingIsLeftAsync();
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
    }

    [Fact]
    public async Task A_lease_whose_mandelbox_has_gone_is_released()
    {
        await _cluster.Host.AcquireLease(new LeaseRequest(Guid.NewGuid(), "nobody"));

        Assert.Equal(DifferenceKind.Lease, Assert.Single(await _check.CheckAsync(default)).Kind);
        await MendAsync();

        await _cluster.Watcher.Until("nobody", MandelboxState.Gone);
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_container_that_runs_for_nobody_keeps_its_ports_until_it_is_stopped_and_removed()
    {
        var lease = new Lease(Guid.NewGuid(), "nobody", 12, 0, [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20001)]);
        var owner = new ContainerOwner(HostCluster.InstanceName, HostCluster.Run, _cluster.Root);
        var stray = await _cluster.Engine.CreateAsync(
            new ContainerSpec
            {
                Name = "stray",
                Image = FakeContainerEngine.DemoImage,
                Labels = ContainerLabels.Write(owner, lease, HostCluster.Request()),
            },
            default);
        await _cluster.Engine.StartAsync(stray, default);
        using var grace = _cluster.Engine.Hold(EngineCall.Stop);

        Assert.Equal(stray, Assert.Single(await _check.CheckAsync(default)).Name);
        _clock.Advance(GracePeriod);
        await _check.CheckAsync(default);
        await grace.Entered;
        Assert.Equal("nobody", await _cluster.Host.FindByHostPort(20001, Transport.Tcp));

        grace.Release();
        await _cluster.Watcher.Until("nobody", MandelboxState.Gone);
        await AssertNothingIsLeftAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_engine_that_says_running_of_a_dead_process_is_not_believed(bool isSilent)
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var container = Assert.Single(_cluster.Engine.Containers);
        Directory.CreateDirectory(_proc[$"{container.Pid}"]);
        await File.WriteAllTextAsync(_proc[$"{container.Pid}/cgroup"], $"0::/docker/{container.Id}\n");
        await File.WriteAllTextAsync(_proc[$"{container.Pid}/stat"], $"{container.Pid} (app) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1\n");
        Assert.Empty(await _check.CheckAsync(default));

        Directory.Delete(_proc[$"{container.Pid}"], recursive: true);
        if (isSilent)
        {
            _cluster.Engine.FailNext(EngineCall.List, EngineFailure.TimedOut, times: 4);
        }

        var found = Assert.Single(await _check.CheckAsync(default));
        Assert.Equal((DifferenceKind.Process, "m1", container.Id), (found.Kind, found.MandelboxId, found.Name));
        await MendAsync();

        await _cluster.Watcher.Until("m1", MandelboxState.Gone);
        await AssertNothingIsLeftAsync();
        Assert.Equal(EndCause.AppExited, (await _cluster.Host.ListEnded(1))[0].EndCause);
    }

    [Fact]
    public async Task A_container_whose_end_was_missed_ends_its_mandelbox()
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await _cluster.Engine.RemoveAsync("mandelboxes-demo-m1", default);

        Assert.Equal(DifferenceKind.Container, Assert.Single(await _check.CheckAsync(default)).Kind);
        await MendAsync();

        await _cluster.Watcher.Until("m1", MandelboxState.Gone);
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_second_container_of_a_mandelbox_is_removed_and_its_own_stays()
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var own = Assert.Single(_cluster.Engine.Containers);
        await _cluster.Engine.CreateAsync(
            new ContainerSpec { Name = "second", Image = FakeContainerEngine.DemoImage, Labels = own.Labels }, default);

        Assert.Equal(DifferenceKind.Container, Assert.Single(await _check.CheckAsync(default)).Kind);
        await MendAsync();
        await _cluster.Events.WhenIdleAsync();

        Assert.Equal(own.Id, Assert.Single(_cluster.Engine.Containers).Id);
        Assert.Empty(await _check.CheckAsync(default));
    }

    [Fact]
    public async Task A_lease_that_the_host_has_lost_is_reserved_again()
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var lease = (await _cluster.Mandelbox("m1").Describe())!.Lease!;
        await _cluster.Host.ReleaseLease("m1", lease.Id);

        Assert.Equal(DifferenceKind.Lease, Assert.Single(await _check.CheckAsync(default)).Kind);
        await MendAsync();

        Assert.Equal("m1", await _cluster.Host.FindByHostPort(lease.HostPortFor(MandelboxPorts.Control), Transport.Tcp));
        Assert.Empty(await _check.CheckAsync(default));
    }

    [Fact]
    public async Task A_mandelbox_that_the_host_does_not_list_is_listed_and_one_that_has_gone_is_not()
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var described = (await _cluster.Mandelbox("m1").Describe())!;
        await _cluster.Host.Report(described with { State = MandelboxState.Gone });
        await _cluster.Host.Report(new MandelboxDescription
        {
            MandelboxId = "gone",
            State = MandelboxState.Dying,
            Since = described.Since,
            CreatedAt = described.CreatedAt,
        });

        Assert.Equal(["List gone", "List m1"], (await _check.CheckAsync(default)).Select(d => $"{d.Kind} {d.MandelboxId}").Order());
        await MendAsync();

        Assert.Equal("m1", Assert.Single(await _cluster.Host.ListMandelboxes()).MandelboxId);
        Assert.Empty(await _check.CheckAsync(default));
    }

    [Fact]
    public async Task Directories_that_the_agents_container_has_bound_wait_for_its_registration_and_go_when_it_has_ended()
    {
        var mappings = Directory.CreateDirectory(Path.Combine(_cluster.Root, "m1", "containerResourceMappings"));
        var foreign = await _cluster.Engine.CreateAsync(
            new ContainerSpec
            {
                Name = "ecs-task",
                Image = FakeContainerEngine.DemoImage,
                Binds = [$"{mappings.FullName}:/fractal/resourceMappings"],
            },
            default);
        Assert.Empty(await _check.CheckAsync(default));
        await _cluster.Engine.StartAsync(foreign, default);
        Assert.Empty(await _check.CheckAsync(default));

        _cluster.Engine.Die(foreign);

        Assert.Equal("m1", Assert.Single(await _check.CheckAsync(default)).Name);
        await MendAsync();
        await _cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.False(Directory.Exists(mappings.FullName));
    }

    [Fact]
    public async Task What_is_there_at_the_first_look_only_is_no_difference()
    {
        var directory = Directory.CreateDirectory(Path.Combine(_cluster.Root, "m1"));
        _asked.OnAsked = () =>
        {
            if (directory.Exists)
            {
                directory.Delete();
                directory.Refresh();
            }
        };

        Assert.Empty(await _check.CheckAsync(default));
        Assert.False(directory.Exists);
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task A_host_that_is_closed_mends_nothing()
    {
        await _cluster.Host.AcquireLease(new LeaseRequest(Guid.NewGuid(), "nobody"));
        await _cluster.Host.SetStatus(HostStatus.Closed);

        Assert.Single(await _check.CheckAsync(default));
        await MendAsync();

        Assert.Equal(1, (await _cluster.Host.Describe()).Ttys.Used);
    }

    private async Task MendAsync()
    {
        _clock.Advance(GracePeriod);
        await _check.CheckAsync(default);
        await _check.WhenIdleAsync();
    }

    /// <summary>What a mandelbox whose grain lost its state would leave: directories, record and row.</summary>
    private void Forget(string id)
    {
        var paths = new MandelboxPaths(_cluster.Root, id);
        Directory.CreateDirectory(paths.UserConfigs);
        Directory.CreateDirectory(paths.Sockets);
        _cluster.Database.Rows[id] = MandelboxStatus.Running;
        _cluster.Services.GetRequiredService<MandelboxRecords>().Write(
            new MandelboxRecord
            {
                MandelboxId = id,
                ContainerId = "gone",
                UserId = "user",
                AppName = "mandelboxes/demo",
                SessionId = 1,
                AesKey = "00112233445566778899aabbccddeeff",
                Fetched = FetchOutcome.Restored,
                ArchiveKey = ArchiveKey.New("0123456789abcdef").ToSecret(),
            });
    }

    private async Task AssertNothingIsLeftAsync()
    {
        Assert.Empty(await _check.CheckAsync(default));
        await _cluster.AssertNothingIsHeldAsync();
    }

    /// <summary>Acts when a mandelbox is asked for its state: a look has seen everything else by then.</summary>
    private sealed class AskedFilter : IOutgoingGrainCallFilter
    {
        public Action OnAsked { get; set; } = () => { };

        public Task Invoke(IOutgoingGrainCallContext context)
        {
            if (context.InterfaceMethod?.DeclaringType == typeof(IMandelboxGrain) && context.MethodName == nameof(IMandelboxGrain.Describe))
            {
                OnAsked();
            }

            return context.Invoke();
        }
    }
}
