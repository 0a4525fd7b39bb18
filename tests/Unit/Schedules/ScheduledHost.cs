using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Infrastructure;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Schedules;

/// <summary>What a mandelbox's steps use.</summary>
internal sealed record Collaborators(
    IMandelboxFiles Files,
    IInputDevices Input,
    IBackendDatabase Database,
    IUserConfigStore UserConfigs,
    ICloudStorage CloudStorage);

/// <summary>
/// One schedule: the real grains, plans and event dispatcher over a machine in memory, on a scheduler whose every choice comes from the
/// seed. What must never happen is collected in <see cref="Violations"/>.
/// </summary>
internal sealed class ScheduledHost
{
    private const string Root = "/modelled";
    private const string InstanceName = "modelled-host";
    private const string AgentLabel = "agent";
    private const int MostSteps = 20_000;

    private const string App = "mandelboxes/demo";

    private static readonly string[] Ids = ["m1", "m2"];

    /// <summary>Those that are started ahead, at most; not by their real names, which differ from run to run.</summary>
    private static readonly string[] WaitingIds = ["host-service-waiting-1", "host-service-waiting-2"];

    /// <summary>How many pauses there are at most before an act: during a spin-up, at its end, in the middle of a session.</summary>
    private static readonly int[] Spread = [30, 100, 250];

    private static readonly TimeSpan BriefWait = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(10);

    private readonly ControlledScheduler _scheduler;
    private readonly ManualClock _clock = new();
    private readonly FakeContainerEngine _engine;
    private readonly FakeDatabase _database = new();
    private readonly FakeCloudStorage _cloudStorage = new();
    private readonly ModelUserConfigs _userConfigs;
    private readonly ModelInputDevices _input;
    private readonly List<MandelboxGrain> _mandelboxes = [];
    private readonly List<MandelboxContext> _ready = [];
    private readonly List<Task> _actors = [];

    /// <summary>The mandelbox of each container that the agent has registered.</summary>
    private readonly Dictionary<string, string> _registered = [];
    private IGrainFactory _grains = null!;
    private HostGrain _hostGrain = null!;
    private SandboxKeeper _sandboxes = null!;
    private ContainerEventDispatcher _events = null!;

    /// <summary>Ends the keeper of the sandboxes of this run.</summary>
    private CancellationTokenSource _keeping = null!;

    /// <summary>Its end.</summary>
    private Task _kept = Task.CompletedTask;
    private int _faults;

    /// <summary>How many calls of the engine fail from now on.</summary>
    private int _outage;

    public ScheduledHost(int seed, Defect? defect = null)
    {
        Random = new Random(seed);
        Defect = defect;
        _scheduler = new ControlledScheduler(Random);
        _engine = new FakeContainerEngine(_clock);
        if (Random.Next(4) != 0)
        {
            _engine.Images.Add(FakeContainerEngine.SandboxImage);
        }

        Slots = Random.Next(3) == 0 ? 2 : 8;
        Files = new ModelFiles(this);
        _userConfigs = new ModelUserConfigs(this);
        _input = new ModelInputDevices(this);
    }

    public Random Random { get; }

    /// <summary>How many mandelboxes were ready with the container of one that had waited.</summary>
    public int Adopted { get; private set; }

    /// <summary>How many mandelboxes the host can hold.</summary>
    private int Slots { get; }

    public Defect? Defect { get; }

    /// <summary>The number of this run of the service: a crash begins the next one.</summary>
    public int Run { get; private set; }

    public ModelFiles Files { get; }

    /// <summary>How the mandelboxes have moved, for whoever looks into a violation.</summary>
    public List<string> Trace { get; } = [];

    /// <summary>What must never happen, and has.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Whether a container of this mandelbox runs: one of ours, or one of the agent's that it has registered.</summary>
    public bool IsRunning(string mandelboxId) => _engine.Containers.Any(c => c.Running
        && ((ContainerLabels.IdOf(c.Labels, c.Name) ?? _registered.GetValueOrDefault(c.Id)) == mandelboxId
            || (IsOfWaiting(c) && _hostGrain.FindByContainer(c.Id).Result == mandelboxId)));

    /// <summary>Whether it was started ahead, whoever has it now.</summary>
    private static bool IsOfWaiting(ContainerDescription container) =>
        MandelboxIds.IsWaiting(container.Labels.GetValueOrDefault(ContainerLabels.MandelboxId, ""));

    public void Check(bool holds, string violation)
    {
        if (!holds)
        {
            Violations.Add(violation);
        }
    }

    /// <summary>Whether this call is one of the few that fail.</summary>
    /// <param name="ofEngine">The engine may be away for a while: then each of its calls fails.</param>
    public bool TakeFault(bool ofEngine) =>
        (ofEngine && _outage > 0 && _outage-- > 0) || (_faults > 0 && Random.Next(20) == 0 && _faults-- > 0);

    /// <summary>A mandelbox says that its user may connect.</summary>
    public void CheckReady(MandelboxContext context)
    {
        if (!context.State.IsAlive)
        {
            return;
        }

        var id = context.MandelboxId;
        Check(
            !_ready.Exists(other => other != context && other.State.IsAlive && other.Container.Id == context.Container.Id),
            $"{id} is ready with the container of another one");
        _ready.Add(context);
        Adopted += _engine.Containers.Any(c => c.Id == context.Container.Id && IsOfWaiting(c)) ? 1 : 0;
        Check(Files.Has(context.Paths.UserConfigs), $"{id} is ready without its directories");
        Check(_database.Rows.ContainsKey(id), $"{id} is ready without its row");
        Check(_engine.Containers.Any(c => c.Id == context.Container.Id), $"{id} is ready without its container");
        Check(
            context.Lease is { } lease && _hostGrain.FindByHostPort(lease.HostPortFor(MandelboxPorts.Control), Transport.Tcp).Result == id,
            $"{id} is ready without its lease");
        var ttys = _engine.Containers.Where(c => c.Running).Select(c => c.Labels.GetValueOrDefault(ContainerLabels.Tty)).OfType<string>().ToList();
        Check(ttys.Distinct().Count() == ttys.Count, $"TTYs were given twice: {string.Join(", ", ttys)}");
        CheckSandboxes();
        Check(_input.Open.Count(owner => owner == id) == 1, $"{id} is ready with {_input.Open.Count(owner => owner == id)} sets of devices");
    }

    /// <summary>
    /// Whatever happens: a sandbox has one user at most, and the ports that its container publishes are its own while the engine has it.
    /// </summary>
    private void CheckSandboxes()
    {
        var used = _engine.Containers.Select(c => c.Labels.GetValueOrDefault(ContainerLabels.Network)).Where(n => n?.Length > 0).ToList();
        Check(used.Distinct().Count() == used.Count, $"a sandbox was given twice: {string.Join(", ", used)}");
        var known = _hostGrain.ListSandboxes().Result.Select(sandbox => sandbox.Name);
        var unknown = Sandboxes.Select(c => c.Name).Except(known).ToList();
        Check(unknown.Count == 0, $"the ports of sandboxes are free while they are there: {string.Join(", ", unknown)}");

        // One that was handed over is there twice.
        var leased = _hostGrain.ListLeases().Result.DistinctBy(lease => (lease.Sandbox, lease.Tty))
            .Select(lease => lease.Sandbox).OfType<string>().ToList();
        Check(leased.Distinct().Count() == leased.Count, $"a sandbox was leased twice: {string.Join(", ", leased)}");
    }

    /// <summary>What the engine has of sandboxes.</summary>
    private IEnumerable<ContainerDescription> Sandboxes => _engine.Containers.Where(c => c.Labels.ContainsKey(ContainerLabels.Sandbox));

    /// <summary>Runs one schedule to its end.</summary>
    public void Explore()
    {
        _faults = Random.Next(4);
        StartRun();
        FollowEngine();
        foreach (var id in WaitingIds.Take(Random.Next(3)))
        {
            AddWaitingActors(id);
        }

        foreach (var id in Ids)
        {
            AddActors(id);
        }

        if (Random.Next(3) == 0)
        {
            AddAgentActors("e1");
        }

        AddSandboxDeaths();

        Repeat(Random.Next(2), () => Act(() =>
        {
            _engine.BreakStreams();
            _outage = Random.Next(12);
            return Task.CompletedTask;
        }));
        if (Random.Next(4) == 0)
        {
            var crash = Random.Next(400);
            Drive(() => crash-- <= 0 || _actors.TrueForAll(a => a.IsCompleted));
            Crash();
        }

        Drive(() => _actors.TrueForAll(a => a.IsCompleted));
        var failed = _actors.Find(a => !a.IsCompletedSuccessfully);
        Check(failed is null, $"a caller got {failed?.Status} {failed?.Exception?.InnerException}");
        Settle();
        CheckNothingIsHeld();
    }

    private static void Repeat(int times, Action action)
    {
        for (var i = 0; i < times; i++)
        {
            action();
        }
    }

    /// <summary>Does this somewhere in the schedule, unless the run has ended by then.</summary>
    private void Act(Func<Task> act, bool mayFail = false)
    {
        var run = Run;
        _actors.Add(_scheduler.Start(async () =>
        {
            for (var pauses = Random.Next(Spread[Random.Next(Spread.Length)]); pauses > 0; pauses--)
            {
                await Task.Yield();
            }

            try
            {
                await (run == Run ? act() : Task.CompletedTask);
            }
            catch (Exception exception) when (exception.Message.EndsWith("was lost", StringComparison.Ordinal) && mayFail)
            {
                // The gateway answers so, and the agent asks again.
            }
        }));
    }

    private IMandelboxGrain Mandelbox(string id) => _grains.GetGrain<IMandelboxGrain>(id);

    private void AddActors(string id)
    {
        Repeat(1 + Random.Next(2), () => Act(() => Mandelbox(id).SpinUp(new SpinUpRequest("user", App, "0123456789", 1))));
        Repeat(Random.Next(2), () => Act(() => Mandelbox(id).SpinUp(new SpinUpRequest("other", App, "0123456789", 2))));
        Repeat(Random.Next(3), () => Act(() => Mandelbox(id).Stop("the schedule says so")));
        Repeat(Random.Next(2), () => Act(() => DieAsync(id)));
        Repeat(Random.Next(2), () => Act(() => Mandelbox(id).HandOver()));
        Repeat(Random.Next(2), () => Act(() => Mandelbox(id).MountCloudStorage(new CloudDrive { Provider = "dropbox" }), mayFail: true));
    }

    /// <summary>Started ahead, most often early enough to be adopted.</summary>
    private void AddWaitingActors(string id)
    {
        if (Random.Next(4) == 0)
        {
            Act(() => Mandelbox(id).StartWaiting(App));
        }
        else
        {
            _actors.Add(_scheduler.Start(() => Mandelbox(id).StartWaiting(App)));
            Drive(() => _actors[^1].IsCompleted);
        }

        Repeat(Random.Next(4) / 3, () => Act(() => Mandelbox(id).Stop("it has waited for too long", EndCause.Replaced)));
        Repeat(Random.Next(4) / 3, () => Act(() => DieAsync(id)));
    }

    private void AddSandboxDeaths() => Repeat(Random.Next(3), () => Act(() =>
    {
        if (Sandboxes.Where(c => c.Running).ToList() is { Count: > 0 } running)
        {
            Trace.Add("a sandbox dies");
            _engine.Die(running[Random.Next(running.Count)].Id);
        }

        return Task.CompletedTask;
    }));

    /// <summary>ECS mode: the agent creates, registers and starts a container, in any order.</summary>
    private void AddAgentActors(string id)
    {
        var container = _engine.CreateAsync(
            new ContainerSpec
            {
                Name = id,
                Image = FakeContainerEngine.DemoImage,
                Labels = new Dictionary<string, string> { [AgentLabel] = id },
                Ports = [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 23456)],
            },
            CancellationToken.None).Result;
        Act(async () =>
        {
            if (await Mandelbox(id).RegisterContainer(container) is null)
            {
                _registered[container] = id;
            }
        }, mayFail: true);
        Act(() => _engine.StartAsync(container, CancellationToken.None));
        Repeat(Random.Next(2), () => Act(() => Mandelbox(id).CreateInputDevices(), mayFail: true));
        Repeat(Random.Next(2), () => Act(() => Mandelbox(id).SetDpi(96), mayFail: true));
        Repeat(Random.Next(2), () => Act(() => DieAsync(id)));
    }

    private Task DieAsync(string id)
    {
        if (_engine.Containers.FirstOrDefault(c => c.Running && c.Name.EndsWith(id, StringComparison.Ordinal)) is { } container)
        {
            _engine.Die(container.Id, Random.Next(2));
        }

        return Task.CompletedTask;
    }

    private void StartRun()
    {
        var info = new HostInfoSource(new HostInfo
        {
            Run = "run",
            Root = Root,
            Identity = new HostIdentity(InstanceName, "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "127.0.0.1"),
            Environment = HostEnvironment.LocalDev,
            CpuOnlySlots = Slots,
        });

        // Another one in the next run: a setting may change. No records: they are files.
        var poolSize = Random.Next(3);
        var hostOptions = Options.Create(new HostOptions { Root = Root, RuntimeRoot = "/dev/null/none" });
        var options = Options.Create(new MandelboxOptions());
        var docker = Options.Create(new DockerOptions { SandboxPool = poolSize });
        var engine = Interleaved<IContainerEngine>.Around(
            _engine,
            new Crossing(this, message => new ContainerEngineException(EngineFailure.Unreachable, message)) { IsOfEngine = true });
        var records = new MandelboxRecords(hostOptions, NullLogger<MandelboxRecords>.Instance);
        var anyFault = new Crossing(this, message => new IOException(message));
        var parts = new Collaborators(
            Interleaved<IMandelboxFiles>.Around(Files, anyFault),
            Interleaved<IInputDevices>.Around(_input, new Crossing(this, message => new InputDeviceException(message), losesAnswers: false)),
            Interleaved<IBackendDatabase>.Around(
                _database, new Crossing(this, message => new BackendDatabaseException(message), losesAnswers: false)),
            Interleaved<IUserConfigStore>.Around(_userConfigs, anyFault),
            Interleaved<ICloudStorage>.Around(_cloudStorage, anyFault));
        var agentContainers = new AgentContainers(_engine, options, _clock, NullLogger<AgentContainers>.Instance);
        var plans = new ModelPlans(
            this, info, new ContainerCapabilitiesSource { Current = new ContainerCapabilities { Fuse = true } }, engine, records,
            agentContainers, options, parts);
        _mandelboxes.Clear();
        _grains = ModelGrains.Create(this, type => type == typeof(IHostGrain) ? _hostGrain : AddMandelbox());
        _sandboxes = new SandboxKeeper(engine, _grains, info, docker, options, _clock, NullLogger<SandboxKeeper>.Instance);
        _hostGrain = new HostGrain(
            info, new PublishedPorts(_engine), new NoShutdown(), new NoShutdown(), [new Recorder(this), _sandboxes], Options.Create(new WarmUpOptions()),
            hostOptions, docker, Options.Create(new QueueOptions()), Options.Create(new WarmPoolOptions()),
            new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance), _clock, NullLogger<HostGrain>.Instance);
        _ = _grains.GetGrain<IHostGrain>(HostKeys.Host(InstanceName));
        _ = _hostGrain.SetStatus(HostStatus.Active);
        _events = new ContainerEventDispatcher(
            engine, _grains, parts.Database, info, _sandboxes, NullLogger<ContainerEventDispatcher>.Instance);

        MandelboxGrain AddMandelbox()
        {
            var grain = new MandelboxGrain(
                info, plans, engine, parts.Files, parts.Database, parts.CloudStorage, records, parts.Input, hostOptions, options,
                new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance), _clock, NullLogger<MandelboxGrain>.Instance);
            _mandelboxes.Add(grain);
            return grain;
        }
    }

    /// <summary>Once mandelboxes of the last run are taken over.</summary>
    private void FollowEngine()
    {
        var run = Run;
        _ = _scheduler.Start(() => WatchAsync(run));
        var (keeper, keeping) = (_sandboxes, _keeping = new CancellationTokenSource());
        _kept = _scheduler.Start(() => keeper.RunAsync(keeping.Token));
    }

    /// <summary>As the service does: connect, compare, follow; again after a fault.</summary>
    private async Task WatchAsync(int run)
    {
        while (run == Run)
        {
            try
            {
                await using var events = await _engine.WatchAsync(null, CancellationToken.None);
                await _events.ReconcileAsync(CancellationToken.None);
                while (run == Run)
                {
                    var happened = await events.NextAsync(CancellationToken.None);
                    await _events.OnEventAsync(happened, CancellationToken.None);
                }
            }
            catch (Exception exception) when (exception is ContainerEngineException or AggregateException or TimeoutException)
            {
                using var pause = new CancellationTokenSource(TimeSpan.FromSeconds(1), _clock);
                var over = new TaskCompletionSource();
                await using var end = pause.Token.Register(over.SetResult);
                await over.Task;
            }
        }
    }

    /// <summary>The process dies; the next one takes running mandelboxes over and reclaims the rest.</summary>
    private void Crash()
    {
        Trace.Add("the service is killed");
        Run++;
        _actors.Clear();
        _ready.Clear();
        _input.Open.Clear();
        StartRun();
        var running = _engine.Containers
            .Where(c => c.Running && ContainerLabels.Read(c.Labels, c.Name) is { } lease && !MandelboxIds.IsWaiting(lease.MandelboxId))
            .ToList();
        var kept = running.Select(IdOf).ToList();
        foreach (var container in _engine.Containers.Except(running).Where(c => !c.Labels.ContainsKey(AgentLabel)))
        {
            _ = _engine.RemoveAsync(container.Id, CancellationToken.None);
        }

        foreach (var id in Ids.Append("e1").Concat(WaitingIds).Except(kept))
        {
            _registered.Clear();
            _ = Files.RemoveAsync(new MandelboxPaths(Root, id).Home, CancellationToken.None);
            _ = Files.RemoveAsync(new MandelboxPaths(Root, id).Temp, CancellationToken.None);
            Files.KeepLogs(new MandelboxPaths(Root, id).AllLogs);
            _ = _database.RemoveMandelboxAsync(id, CancellationToken.None);
            _ = _cloudStorage.UnmountAllAsync(id, CancellationToken.None);
        }

        var reclaimed = _scheduler.Start(async () =>
        {
            while (!await TryAsync(() => _sandboxes.RemoveLeftAsync(CancellationToken.None)))
            {
                // The start fails, and systemd tries it again.
            }

            await Task.WhenAll(running.Select(container =>
                Mandelbox(IdOf(container)).Reattach(ContainerLabels.ReadReattachRequest(container))));
        });
        Drive(() => reclaimed.IsCompleted);
        FollowEngine();
        AddSandboxDeaths();

        foreach (var id in kept)
        {
            Repeat(Random.Next(2), () => Act(() => Mandelbox(id).Stop("the schedule says so")));
            Repeat(Random.Next(2), () => Act(() => DieAsync(id)));
        }

        static string IdOf(ContainerDescription container) => ContainerLabels.IdOf(container.Labels, container.Name)!;
    }

    /// <summary>Ends whatever is left, and waits until it has gone.</summary>
    private void Settle()
    {
        foreach (var container in _engine.Containers.Where(c => c.Running && c.Labels.ContainsKey(AgentLabel)))
        {
            _engine.Die(container.Id, 0);
        }

        // So that every end of a sandbox has been seen.
        var (faults, outage) = (_faults, _outage);
        (_faults, _outage) = (0, 0);
        Compare();
        foreach (var mandelbox in _mandelboxes.Select(m => m.Describe().Result).OfType<MandelboxDescription>())
        {
            Check(
                !mandelbox.State.IsAlive || mandelbox.EndReason is not null || mandelbox.Lease?.Sandbox is not { } sandbox
                    || Sandboxes.Any(c => c.Name == sandbox && c.Running),
                $"{mandelbox.MandelboxId} goes on without its sandbox");
        }

        (_faults, _outage) = (faults, outage);
        _actors.AddRange(Ids.Append("e1").Concat(WaitingIds).Select(id => _scheduler.Start(() => Mandelbox(id).Stop("the end"))));
        Drive(() => _actors.TrueForAll(a => a.IsCompleted) && _mandelboxes.TrueForAll(m => m.Describe().Result is null));

        // Strays, whose creation was answered too late.
        (_faults, _outage) = (0, 0);
        Compare();
        if (_engine.Images.Contains(FakeContainerEngine.SandboxImage))
        {
            Drive(() => _hostGrain.Describe().Result.Sandboxes is null or { Used: 0 });
        }

        // As the shutdown does.
        _ = _hostGrain.SetStatus(HostStatus.Closed);
        _keeping.Cancel();
        Drive(() => _kept.IsCompleted);
        Check(_kept.IsCompletedSuccessfully, $"the keeper of the sandboxes failed: {_kept.Exception?.InnerException}");
        var removed = _scheduler.Start(() => _sandboxes.RemoveAllAsync(CancellationToken.None));
        Drive(() => removed.IsCompleted);
        Check(removed.IsCompletedSuccessfully, $"sandboxes could not be removed: {removed.Exception?.InnerException}");
    }

    private static async Task<bool> TryAsync(Func<Task> act)
    {
        try
        {
            await act();
            return true;
        }
        catch (ContainerEngineException)
        {
            return false;
        }
    }

    /// <summary>Compares mandelboxes with containers.</summary>
    private void Compare()
    {
        var compared = _scheduler.Start(async () =>
        {
            await _events.ReconcileAsync(CancellationToken.None);
            await _events.WhenIdleAsync();
        });
        Drive(() => compared.IsCompleted);
        Check(compared.IsCompletedSuccessfully, $"the comparison failed: {compared.Exception?.InnerException}");
    }

    private void CheckNothingIsHeld()
    {
        var host = _hostGrain.Describe().Result;
        Check(
            (host.Ttys.Used, host.TcpPorts.Used, host.UdpPorts.Used, host.Slots.Used, host.Mandelboxes, host.Leaks) == (0, 0, 0, 0, 0, 0)
                && _hostGrain.ListMandelboxes().Result.Count == 0 && _hostGrain.ListLeases().Result.Count == 0,
            $"leases are left: {host.Ttys.Used} TTYs, {host.Leaks} leaks, {host.Mandelboxes} mandelboxes");
        var containers = _engine.Containers.Where(c => c.Running || !c.Labels.ContainsKey(AgentLabel)).ToList();
        Check(containers.Count == 0, $"containers are left: {string.Join(", ", containers.Select(c => $"{c.Name} {c.Status}"))}");
        Check(_hostGrain.ListSandboxes().Result.Count == 0, $"sandboxes are left: {string.Join(", ", _hostGrain.ListSandboxes().Result)}");
        Check(_input.Open.Count == 0, $"input devices are left: {string.Join(", ", _input.Open)}");
        Check(Files.Directories.Count == 0, $"directories are left: {string.Join(", ", Files.Directories)}");
        Check(_database.Rows.IsEmpty, $"rows are left: {string.Join(", ", _database.Rows)}");
        Check(
            _cloudStorage.Prepared.IsEmpty && _cloudStorage.Mounted.IsEmpty,
            $"drives are left: {string.Join(", ", _cloudStorage.Prepared.Keys)}; {string.Join(", ", _cloudStorage.Mounted)}");
        foreach (var lives in _ready.GroupBy(context => context.RequiredRequest.UserId))
        {
            Check(
                _userConfigs.Saved.GetValueOrDefault(lives.Key) >= lives.Count(),
                $"{lives.Count()} sessions of {lives.Key}, {_userConfigs.Saved.GetValueOrDefault(lives.Key)} saves");
        }
    }

    /// <summary>Runs until this holds. When nothing can run, time goes on to the next timer.</summary>
    private void Drive(Func<bool> holds)
    {
        for (var steps = 0; !holds(); steps++)
        {
            if (!_scheduler.RunOne(BriefWait) && !holds() && !_clock.AdvanceToNextTimer() && !_scheduler.RunOne(LongWait) && !holds())
            {
                throw new InvalidOperationException(
                    $"nothing can run, and no timer is set; in run {Run} {_actors.Count(a => !a.IsCompleted)} callers wait; "
                    + string.Join(", ", _mandelboxes.Select(m => m.Describe().Result).OfType<MandelboxDescription>()));
            }

            if (steps > MostSteps)
            {
                throw new InvalidOperationException(
                    $"no end after {MostSteps} steps; "
                    + string.Join(", ", _mandelboxes.Select(m => m.Describe().Result).OfType<MandelboxDescription>()));
            }
        }
    }

    private sealed class Recorder(ScheduledHost host) : IMandelboxWatcher
    {
        public void Moved(MandelboxDescription mandelbox)
        {
            host.Trace.Add($"{mandelbox.MandelboxId} {mandelbox.State} {mandelbox.EndReason}".TrimEnd());
            host.CheckSandboxes();
            var used = host._hostGrain.Describe().Result.Slots.Used;
            host.Check(used <= host.Slots, $"{used} mandelboxes have a slot, and there are {host.Slots}");
        }
    }

    private sealed class NoShutdown : IShutdownSignal, IShutdownControl
    {
        public void Request(string reason, bool force)
        {
        }

        public string? CancelDrain() => null;

        public void Restart()
        {
        }
    }

    /// <summary>As on a real machine, a port that a container publishes is bound: the pools draw at random, and could draw it again.</summary>
    private sealed class PublishedPorts(FakeContainerEngine engine) : IPortProbe
    {
        public bool IsTcpFree(ushort port) => IsFree(port, Transport.Tcp);

        public bool IsUdpFree(ushort port) => IsFree(port, Transport.Udp);

        private bool IsFree(ushort port, Transport transport) =>
            !engine.Containers.Any(c => c.Ports.Any(p => p.HostPort == port && p.Transport == transport));
    }
}
