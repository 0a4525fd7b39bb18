using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using HostService.Infrastructure.Docker;

namespace HostService.Tests.Support;

/// <summary>The calls of <see cref="IContainerEngine"/>.</summary>
public enum EngineCall
{
    Ping,
    FindImage,
    FindImageId,
    Create,
    Start,
    Stop,
    Rename,
    Remove,
    Inspect,
    List,
    Output,
    Watch,
}

/// <summary>One call that was made.</summary>
/// <param name="Subject">The container's id or name, or the image that was asked for; empty where a call has none.</param>
public sealed record RecordedEngineCall(EngineCall Call, string Subject);

/// <summary>
/// A container engine in memory: it records calls, keeps containers, sends events, and fails or holds the calls that a test chooses.
/// </summary>
public sealed class FakeContainerEngine(TimeProvider? clock = null) : IContainerEngine
{
    /// <summary>The demo's image; the engine has it from the start.</summary>
    public const string DemoImage = "fractal/mandelboxes/demo:current-build";

    /// <summary>The image of network sandboxes; the engine does not have it from the start.</summary>
    public const string SandboxImage = "fractal/mandelboxes/sandbox:current-build";

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Lock _gate = new();
    private readonly List<RecordedEngineCall> _calls = [];
    private readonly Dictionary<string, Container> _containers = new(StringComparer.Ordinal);
    private readonly List<ContainerEvent> _events = [];
    private readonly List<Channel<ContainerEvent>> _watchers = [];
    private readonly List<PlannedFailure> _failures = [];
    private readonly List<HeldEngineCalls> _holds = [];
    private readonly List<(EngineCall Call, Func<Task> Then)> _between = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastTick;
    private int _created;

    /// <summary>The tags of all images.</summary>
    public IList<string> Images { get; } = [DemoImage];

    /// <summary>The ids of images that have been replaced; of others the id is the tag.</summary>
    public ConcurrentDictionary<string, string> ImageIds { get; } = new(StringComparer.Ordinal);

    public EngineInfo Info { get; set; } = new("20.10.24", "1.41", ["runc"], []);

    /// <summary>When set, a container ends with this exit code as soon as it is started.</summary>
    public int? ExitsAtOnceWith { get; set; }

    public IReadOnlyList<RecordedEngineCall> Calls => Locked(() => _calls.ToArray());

    public IReadOnlyList<ContainerDescription> Containers => Locked(() => _containers.Values.Select(c => c.Description).ToArray());

    /// <summary>The number of open event streams.</summary>
    public int Watchers => Locked(() => _watchers.Count);

    public int CallsOf(EngineCall call) => Calls.Count(c => c.Call == call);

    /// <summary>What a container was created with.</summary>
    public ContainerSpec SpecOf(string containerIdOrName) =>
        Locked(() => (Find(containerIdOrName) ?? throw Unknown(containerIdOrName)).Spec);

    /// <summary>
    /// Makes the next calls fail. With <paramref name="afterEffect"/> the engine does its work first and only the answer is lost.
    /// </summary>
    public void FailNext(EngineCall call, EngineFailure failure = EngineFailure.Refused, int times = 1, bool afterEffect = false) =>
        FailNext(call, () => new ContainerEngineException(failure, $"{call} fails because the test asked for it."), times, afterEffect);

    /// <inheritdoc cref="FailNext(EngineCall, EngineFailure, int, bool)"/>
    public void FailNext(EngineCall call, Func<Exception> failure, int times = 1, bool afterEffect = false) => Locked(() =>
    {
        for (var i = 0; i < times; i++)
        {
            _failures.Add(new PlannedFailure(call, failure, afterEffect));
        }

        return 0;
    });

    /// <summary>Calls of this kind wait, before they do anything, until the result is released or disposed.</summary>
    public HeldEngineCalls Hold(EngineCall call)
    {
        var held = new HeldEngineCalls(call, released => Locked(() => _holds.Remove(released)));
        Locked(() =>
        {
            _holds.Add(held);
            return 0;
        });
        return held;
    }

    /// <summary>Runs after the next call of this kind has done its work and before its caller gets the answer.</summary>
    public void BeforeAnswerOf(EngineCall call, Func<Task> then) => Locked(() =>
    {
        _between.Add((call, then));
        return 0;
    });

    /// <summary>Sends an event to every watcher.</summary>
    public void Emit(ContainerEvent containerEvent)
    {
        lock (_gate)
        {
            Publish(containerEvent);
        }
    }

    /// <summary>Lets a running container end by itself.</summary>
    public void Die(string containerIdOrName, int exitCode = 137, bool outOfMemory = false)
    {
        lock (_gate)
        {
            var container = Find(containerIdOrName) ?? throw Unknown(containerIdOrName);
            container.Description = container.Description with { OutOfMemory = outOfMemory };
            End(container, exitCode);
        }
    }

    /// <summary>Lets a container write a line.</summary>
    public void Write(string containerIdOrName, string line) => Locked(() =>
    {
        (Find(containerIdOrName) ?? throw Unknown(containerIdOrName)).Output.Add(line);
        Changed();
        return 0;
    });

    /// <summary>Breaks every event stream.</summary>
    public void BreakStreams(Exception? why = null)
    {
        lock (_gate)
        {
            foreach (var watcher in _watchers)
            {
                watcher.Writer.TryComplete(why
                    ?? new ContainerEngineException(EngineFailure.Unreachable, "The event stream broke because the test asked for it."));
            }

            _watchers.Clear();
            Changed();
        }
    }

    /// <summary>Completes once this holds; it is checked after every change in the engine.</summary>
    public async Task Until(Func<FakeContainerEngine, bool> holds, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var next = Locked(() => _changed.Task);
            if (holds(this))
            {
                return;
            }

            await next.WaitAsync(TimeSpan.FromSeconds(30), cancellationToken);
        }
    }

    public Task<EngineInfo> PingAsync(CancellationToken cancellationToken) =>
        Perform(EngineCall.Ping, "", () => Info, cancellationToken);

    public Task<string?> FindImageAsync(IReadOnlyList<string> patterns, CancellationToken cancellationToken) =>
        Perform(EngineCall.FindImage, string.Join(",", patterns), () => ContainerNames.FindImage([.. Images], patterns), cancellationToken);

    public Task<string?> FindImageIdAsync(string tag, CancellationToken cancellationToken) => Perform(
        EngineCall.FindImageId, tag, () => Images.Contains(tag) ? ImageIds.GetValueOrDefault(tag, tag) : null, cancellationToken);

    public Task<string> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken) => Perform(EngineCall.Create, spec.Name, () =>
    {
        if (!Images.Contains(spec.Image))
        {
            throw new ContainerEngineException(EngineFailure.NotFound, $"No such image: {spec.Image}");
        }

        if (Find(spec.Name) is not null)
        {
            throw new ContainerEngineException(EngineFailure.NameTaken, $"The container name {spec.Name} is already in use");
        }

        var id = $"{++_created:x8}".PadRight(64, '0');
        var container = new Container(spec, new ContainerDescription
        {
            Id = id,
            Name = spec.Name,
            Labels = spec.Labels,
            Status = "created",
            ImageId = ImageIds.GetValueOrDefault(spec.Image, spec.Image),
            Ports = spec.Ports,
            BoundPaths = [.. spec.Binds.Select(bind => bind.Split(':')[0])],
        });
        _containers.Add(id, container);
        Publish(container, "create");
        return id;
    }, cancellationToken);

    public Task StartAsync(string containerId, CancellationToken cancellationToken) => Perform(EngineCall.Start, containerId, () =>
    {
        var container = Find(containerId)
            ?? throw new ContainerEngineException(EngineFailure.NotFound, $"No such container: {containerId}");
        if (container.Spec.NetworkOf is { } network && Find(network) is not { Description.Running: true })
        {
            throw Find(network) is null
                ? new ContainerEngineException(EngineFailure.NotFound, $"No such container: {network}")
                : new ContainerEngineException(EngineFailure.NetworkGone, $"cannot join network of a non running container: {network}");
        }

        if (!container.Description.Running)
        {
            container.Description = container.Description with { Status = "running", Pid = 4242 };
            Publish(container, "start");
            if (ExitsAtOnceWith is { } code)
            {
                End(container, code);
            }
        }

        return 0;
    }, cancellationToken);

    public Task StopAsync(string containerId, TimeSpan grace, CancellationToken cancellationToken) =>
        Perform(EngineCall.Stop, containerId, () =>
        {
            if (Find(containerId) is { } container)
            {
                End(container, 143);
            }

            return 0;
        }, cancellationToken);

    public Task RenameAsync(string containerId, string name, CancellationToken cancellationToken) =>
        Perform(EngineCall.Rename, containerId, () =>
        {
            var container = Find(containerId)
                ?? throw new ContainerEngineException(EngineFailure.NotFound, $"No such container: {containerId}");
            if (Find(name) is { } other && other != container)
            {
                throw new ContainerEngineException(EngineFailure.NameTaken, $"The container name {name} is already in use");
            }

            container.Description = container.Description with { Name = name };
            return 0;
        }, cancellationToken);

    /// <summary>Lets the health check of a container's image fail.</summary>
    public void BecomeUnhealthy(string containerIdOrName)
    {
        lock (_gate)
        {
            var container = Find(containerIdOrName) ?? throw Unknown(containerIdOrName);
            container.Description = container.Description with { Unhealthy = true };
        }
    }

    public Task RemoveAsync(string containerId, CancellationToken cancellationToken) => Perform(EngineCall.Remove, containerId, () =>
    {
        if (Find(containerId) is { } container)
        {
            End(container, 137);
            _containers.Remove(container.Description.Id);
            Publish(container, "destroy");
        }

        return 0;
    }, cancellationToken);

    public Task<ContainerDescription?> InspectAsync(string containerIdOrName, CancellationToken cancellationToken) =>
        Perform(EngineCall.Inspect, containerIdOrName, () => Find(containerIdOrName)?.Description, cancellationToken);

    public Task<IReadOnlyList<ContainerDescription>> ListAsync(
        IReadOnlyDictionary<string, string> labels, CancellationToken cancellationToken) =>
        Perform<IReadOnlyList<ContainerDescription>>(EngineCall.List, string.Join(',', labels.Keys), () => _containers.Values
            .Select(c => c.Description)
            .Where(d => labels.All(l => d.Labels.TryGetValue(l.Key, out var value) && (l.Value.Length == 0 || value == l.Value)))
            .ToArray(), cancellationToken);

    public async IAsyncEnumerable<byte[]> ReadOutputAsync(
        string containerId, int lines, bool follow, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var container = await Perform(EngineCall.Output, containerId, () => Find(containerId), cancellationToken);
        for (var next = container is null ? int.MaxValue : Math.Max(0, container.Output.Count - lines); container is not null; next++)
        {
            await Until(_ => !follow || !container.Description.Running || next < container.Output.Count, cancellationToken);
            if (next >= container.Output.Count)
            {
                yield break;
            }

            yield return Encoding.UTF8.GetBytes($"{container.Output[next]}\n");
        }
    }

    public async Task<IContainerEventSubscription> WatchAsync(DateTimeOffset? since, CancellationToken cancellationToken) =>
        await Perform(EngineCall.Watch, since?.ToString("O") ?? "", () =>
        {
            var opened = Channel.CreateUnbounded<ContainerEvent>();
            foreach (var missed in _events.Where(e => e.At >= since))
            {
                opened.Writer.TryWrite(missed);
            }

            _watchers.Add(opened);
            return new Subscription(opened.Reader, () => Locked(() =>
            {
                Changed();
                return _watchers.Remove(opened);
            }));
        }, cancellationToken);

    private async Task<T> Perform<T>(EngineCall call, string subject, Func<T> effect, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (planned, holds, between) = Locked(() =>
        {
            _calls.Add(new RecordedEngineCall(call, subject));
            Changed();
            var failure = _failures.Find(f => f.Call == call);
            if (failure is not null)
            {
                _failures.Remove(failure);
            }

            var then = _between.Find(b => b.Call == call);
            _between.Remove(then);
            return (failure, _holds.Where(h => h.Call == call).ToArray(), then.Then);
        });

        foreach (var held in holds)
        {
            await held.WaitAsync(cancellationToken);
        }

        if (planned is { AfterEffect: false })
        {
            throw planned.Failure();
        }

        var result = Locked(() =>
        {
            var done = effect();
            Changed();
            return done;
        });
        if (between is not null)
        {
            await between();
        }

        return planned is null ? result : throw planned.Failure();
    }

    private static InvalidOperationException Unknown(string idOrName) => new($"The fake engine has no container {idOrName}.");

    private Container? Find(string idOrName) => _containers.TryGetValue(idOrName, out var byId)
        ? byId
        : _containers.Values.FirstOrDefault(c => c.Description.Name == idOrName);

    private void End(Container container, int exitCode)
    {
        if (container.Description.Running)
        {
            var description = container.Description;
            container.Description = description with { Status = "exited", Pid = 0, ExitCode = exitCode };
            Publish(container, "die", exitCode);
        }
    }

    private void Publish(Container container, string action, int? exitCode = null)
    {
        // As at a real engine, no two events have the same time, although the test's clock may stand still.
        _lastTick = Math.Max(_lastTick + 1, _clock.GetUtcNow().UtcTicks);
        var at = new DateTimeOffset(_lastTick, TimeSpan.Zero);
        Publish(new ContainerEvent(action, container.Description.Id, container.Spec.Labels, exitCode, at)
        {
            Name = container.Description.Name,
        });
    }

    private void Publish(ContainerEvent containerEvent)
    {
        _events.Add(containerEvent);
        foreach (var watcher in _watchers)
        {
            watcher.Writer.TryWrite(containerEvent);
        }

        Changed();
    }

    private void Changed()
    {
        var seen = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        seen.TrySetResult();
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_gate)
        {
            return read();
        }
    }

    private sealed class Container(ContainerSpec spec, ContainerDescription description)
    {
        public ContainerSpec Spec { get; } = spec;

        public ContainerDescription Description { get; set; } = description;

        public List<string> Output { get; } = [];
    }

    private sealed class Subscription(ChannelReader<ContainerEvent> events, Action close) : IContainerEventSubscription
    {
        public async Task<ContainerEvent> NextAsync(CancellationToken cancellationToken)
        {
            try
            {
                return await events.ReadAsync(cancellationToken);
            }
            catch (ChannelClosedException exception) when (exception.InnerException is not null)
            {
                throw exception.InnerException;
            }
        }

        public ValueTask DisposeAsync()
        {
            close();
            return ValueTask.CompletedTask;
        }
    }

    private sealed record PlannedFailure(EngineCall Call, Func<Exception> Failure, bool AfterEffect);
}
