using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;

namespace HostService.Tests.EndToEnd.Ops;

/// <summary>A gateway in front of grains that say what a test wants to see on the page.</summary>
internal sealed class ScriptedHost : IAsyncDisposable
{
    private readonly GatewayServer _server;
    private TaskCompletionSource<IReadOnlyList<HostEvent>>? _waiting;

    private ScriptedHost(GatewayServer server) => _server = server;

    public Uri Address => _server.Address;

    public RecordingShutdown Shutdown => _server.Shutdown;

    public HostDescription Description { get; set; } = Samples.Host();

    public List<MandelboxDescription> Mandelboxes { get; } = [];

    public List<MandelboxDescription> Ended { get; } = [];

    public List<Lease> Leases { get; } = [];

    public List<HostEvent> Events { get; } = [];

    /// <summary>The steps of every mandelbox.</summary>
    public List<TimelineStep> Steps { get; } = [];

    /// <summary>What every mandelbox has written.</summary>
    public List<byte[]> Output { get; } = [];

    public static async Task<ScriptedHost> StartAsync()
    {
        ScriptedHost? host = null;
        var grains = new FakeGrains()
            .Host(nameof(IHostGrain.Describe), _ => Task.FromResult(host!.Description))
            .Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListMandelboxes), _ => Task.FromResult<IReadOnlyList<MandelboxDescription>>([.. host!.Mandelboxes]))
            .Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListEnded), _ => Task.FromResult<IReadOnlyList<MandelboxDescription>>([.. host!.Ended]))
            .Host<IReadOnlyList<Lease>>(nameof(IHostGrain.ListLeases), _ => Task.FromResult<IReadOnlyList<Lease>>([.. host!.Leases]))
            .Host<IReadOnlyList<HostEvent>>(nameof(IHostGrain.ListEvents), call => Task.FromResult<IReadOnlyList<HostEvent>>(
                [.. host!.Events.Where(e => call.Arguments[1] is null || e.MandelboxId == (string?)call.Arguments[1])]))
            .Host(nameof(IHostGrain.ReadEvents), call => host!.ReadAsync(call.Argument<long>()))
            .Host<MandelboxTimeline?>(nameof(IHostGrain.FindEnded), call => Task.FromResult(
                host!.Ended.Find(m => m.MandelboxId == call.Key || call.Arguments.Contains(m.MandelboxId)) is { } ended ? new MandelboxTimeline(ended, [.. host.Steps]) : null))
            .Mandelbox<MandelboxTimeline?>(nameof(IMandelboxGrain.DescribeSteps), call => Task.FromResult(
                host!.Mandelboxes.Find(m => m.MandelboxId == call.Key) is { } living ? new MandelboxTimeline(living, [.. host.Steps]) : null))
            .Logs(_ => host!.Output.ToAsyncEnumerable())
            .Host<string?>(nameof(IHostGrain.CancelDrain), call => Task.FromResult<string?>(host!.CancelDrain()))
            .Mandelbox(nameof(IMandelboxGrain.Describe), call => Task.FromResult(host!.Mandelboxes.Find(m => m.MandelboxId == call.Key)))
            .Doctor(new DoctorReport(
                [new DoctorCheck("engine", CheckOutcome.Ok, "answers"), new DoctorCheck("gpu", CheckOutcome.Failed, "GPU 1: XID 79", "reset the GPU or reboot")],
                []));
        return host = new ScriptedHost(await GatewayServer.StartAsync(grains));
    }

    /// <summary>Mandelboxes with a lease each, and events; with every state among the first.</summary>
    public void Fill(int count)
    {
        MandelboxState[] states = [MandelboxState.Running, MandelboxState.Dying, MandelboxState.Started, MandelboxState.Waiting];
        for (var i = 0; i < count; i++)
        {
            var state = i < states.Length ? states[i] : MandelboxState.Running;
            var id = state == MandelboxState.Waiting ? $"host-service-waiting-{i:x12}" : $"{Random(i):x8}-1c4e-4a52-9d3f-{Random(i + 1):x12}";
            Add(id, state, 10 + i, i);
            Happens(HostEventKind.Mandelbox, EventSeverity.Information, "running after 1.2 s (lease 3 ms, create 117 ms, start 360 ms)", id);
        }

        Happens(HostEventKind.Gpu, EventSeverity.Error, "GPU 1 is out of service: XID 79");
        Happens(HostEventKind.Refused, EventSeverity.Warning, "no GPU slot is free: 2 of 2 on GPU 0; GPU 1 is out of service", "refused-1");

        var kb = 1024L * 1024;
        Description = Description with
        {
            StartedAt = DateTimeOffset.UtcNow.AddDays(-3),
            Metrics = new MachineFigures
            {
                At = DateTimeOffset.UtcNow,
                TotalMemoryKb = 64 * kb,
                AvailableMemoryKb = (60 - count) * kb,
                CpuPercent = 12 + count,
                Load1 = 0.4 + (count / 10.0),
                DiskUsedPercent = 31,
                GpuPercent = 20 + count,
            },
            Gpus =
            [
                new GpuDescription
                {
                    Index = 0,
                    Name = "Tesla T4",
                    Uuid = "GPU-a",
                    TotalMemoryKb = 16 * kb,
                    FreeMemoryKb = (16 * kb) - (count * kb / 4),
                    UtilisationPercent = 20 + count,
                    Used = count,
                },
                new GpuDescription { Index = 1, Name = "Tesla T4", Uuid = "GPU-b", Unhealthy = "XID 79" },
            ],
            Slots = new PoolFigures(54, count),
            Ttys = new PoolFigures(54, Leases.Count),
            Mandelboxes = count,
        };
    }

    public MandelboxDescription Add(string id, MandelboxState state, int tty, int number)
    {
        // Each a little older than the one before.
        var created = DateTimeOffset.UtcNow - TimeSpan.FromSeconds(20 + (number * number * 7));
        var lease = new Lease(
            Guid.NewGuid(), id, tty, number % 2,
            [
                new PortBinding(MandelboxPorts.Control, Transport.Tcp, (ushort)(20_000 + number)),
                new PortBinding(MandelboxPorts.Media, Transport.Udp, (ushort)(20_000 + number)),
                new PortBinding(MandelboxPorts.Secondary, Transport.Tcp, (ushort)(30_000 + number)),
            ]);
        (MandelboxState State, int Milliseconds)[] phases =
        [
            (MandelboxState.Allocated, 0), (MandelboxState.Leased, 3), (MandelboxState.Created, 120 + (number * 3)),
            (MandelboxState.Started, 480 + (number * 9)), (MandelboxState.Connecting, 495 + (number * 9)),
            (MandelboxState.Running, 1210 + (number * 11)),
        ];
        var kept = state == MandelboxState.Started ? phases[..4] : phases;
        var mandelbox = Samples.Mandelbox(id, state) with
        {
            CreatedAt = created,
            Since = created,
            AppName = number % 3 == 0 ? "browsers/chrome" : number % 3 == 1 ? "design/figma" : "productivity/a-rather-long-name-of-an-application",
            UserId = state == MandelboxState.Waiting ? null : number % 2 == 0 ? $"auth0|{Random(number):x24}" : $"user{number}@example.org",
            ContainerId = $"{Random(number):x64}",
            Lease = lease,
            Step = state == MandelboxState.Started ? "wait for app" : null,
            Phases = [.. kept.Select(p => new MandelboxPhase(p.State, created.AddMilliseconds(p.Milliseconds)))],
        };
        Mandelboxes.Add(mandelbox);
        Leases.Add(lease);
        return mandelbox;
    }

    /// <summary>Mandelboxes that have gone, each for another cause.</summary>
    public void FillEnded()
    {
        var number = 100;
        foreach (var (cause, reason) in new[]
        {
            (EndCause.UserLeft, "its container ended with exit code 0"), (EndCause.AppExited, "its container ended with exit code 1"),
            (EndCause.OutOfMemory, "its container ran out of memory and ended with exit code 137"), (EndCause.Operator, "an operator asked for it"),
            (EndCause.StartFailed, "the app did not become ready within 30 s"),
        })
        {
            var ended = Add($"{Random(number):x8}-1c4e-4a52-9d3f-{Random(number + 1):x12}", MandelboxState.Gone, 10, number++);
            Mandelboxes.Remove(ended);
            Leases.Remove(ended.Lease!);
            Ended.Add(ended with { EndCause = cause, EndReason = reason, Since = DateTimeOffset.UtcNow.AddMinutes(100 - number) });
        }
    }

    public void Happens(HostEventKind kind, EventSeverity severity, string text, string? mandelboxId = null)
    {
        var happened = new HostEvent
        {
            Sequence = Events.Count + 1,
            At = DateTimeOffset.UtcNow.AddSeconds(Events.Count - 600),
            Kind = kind,
            Severity = severity,
            Text = text,
            MandelboxId = mandelboxId,
        };
        lock (Events)
        {
            Events.Add(happened);
            _waiting?.SetResult([happened]);
            _waiting = null;
        }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>Those that have happened, or the next one.</summary>
    private Task<IReadOnlyList<HostEvent>> ReadAsync(long after)
    {
        lock (Events)
        {
            HostEvent[] events = [.. HostEvents.After(Events, after)];
            return events.Length > 0
                ? Task.FromResult<IReadOnlyList<HostEvent>>(events)
                : (_waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private string? CancelDrain()
    {
        Description = Description with { Status = HostStatus.Active };
        return null;
    }

    /// <summary>Looks like an id, and is the same in every run.</summary>
    private static ulong Random(int number) => unchecked((ulong)(number + 1) * 0x9E3779B97F4A7C15) >> 32;
}
