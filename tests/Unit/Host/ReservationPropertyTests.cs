using FsCheck;
using FsCheck.Fluent;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using HostService.Tests.Unit.Schedules;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Host;

/// <summary>Random reservations, requests, ends and pauses on a host that is healthy and does not drain.</summary>
public sealed class ReservationPropertyTests
{
    private const int Slots = 4;

    private enum Verb
    {
        Reserve,
        Cancel,
        Ask,
        AskForAnotherApp,
        End,
        StartAhead,
        EndAhead,
        WarmUp,
        Wait,
    }

    [Fact]
    public void Who_has_reserved_and_asks_in_time_gets_a_lease_whatever_others_do_and_nothing_is_given_twice()
    {
        var verbs = Gen.Elements([Verb.Reserve, Verb.Reserve, Verb.Ask, Verb.Ask, Verb.StartAhead, .. Enum.GetValues<Verb>()]);
        var lives = verbs.Zip(Gen.Choose(0, 59), (verb, number) => (verb, number)).ListOf();
        Prop.ForAll(Arb.From(lives.Zip(Gen.Choose(0, 3))), input =>
        {
            var (life, queue) = input;
            var model = new Model(queue);
            foreach (var (verb, number) in life)
            {
                model.Do(verb, number);
                model.Check();
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(120));
    }

    /// <summary>Who holds and who has reserved what, by the rules: the same operations on it and on a host.</summary>
    private sealed class Model
    {
        private const string App = "mandelboxes/demo";

        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

        private readonly ManualClock _clock = new();
        private readonly ControlledScheduler _scheduler = new(new Random(1));
        private readonly HostGrain _host;
        private readonly Dictionary<string, Lease> _held = new(StringComparer.Ordinal);
        private readonly Dictionary<string, long> _reserved = new(StringComparer.Ordinal);
        private readonly Dictionary<string, (LeaseRequest Request, Task<LeaseAnswer> Answer)> _asked = new(StringComparer.Ordinal);
        private int _ahead;

        public Model(int queue)
        {
            var info = new HostInfoSource(new HostInfo
            {
                Run = "run",
                Root = "/modelled",
                Identity = new HostIdentity("modelled-host", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "127.0.0.1"),
                Environment = HostEnvironment.LocalDev,
                CpuOnlySlots = Slots,
            });
            _host = new HostGrain(
                info, new FakePortProbe(), None<IShutdownSignal>(), None<IShutdownControl>(), [], Options.Create(new WarmUpOptions()),
                Options.Create(new HostOptions { RuntimeRoot = "/dev/null/none" }), Options.Create(new DockerOptions()),
                Options.Create(new QueueOptions { Capacity = queue, Timeout = TimeSpan.FromMinutes(3) }), Options.Create(new WarmPoolOptions()),
                None<Microsoft.Extensions.Hosting.IHostApplicationLifetime>(), _clock, NullLogger<HostGrain>.Instance);
            ModelGrains.Attach(_host, HostKeys.Host("modelled-host"), None<IGrainFactory>());
            Run(() => _host.OnActivateAsync(CancellationToken.None));
            Run(() => _host.SetStatus(HostStatus.Active));
        }

        private HostDescription Host => Run(_host.Describe);

        private int Free => Slots - _held.Count;

        /// <summary>Free ones, and those of mandelboxes that wait for users.</summary>
        private int Room => Slots - _held.Keys.Count(id => !MandelboxIds.IsWaiting(id));

        public void Do(Verb verb, int number)
        {
            var id = $"m{number % 9}";
            switch (verb)
            {
                case Verb.Reserve:
                    Reserve(id);
                    break;
                case Verb.Cancel:
                    _reserved.Remove(id);
                    Run(() => _host.CancelReservation(id));
                    break;
                case Verb.Ask or Verb.AskForAnotherApp:
                    Ask(id, verb == Verb.Ask ? App : "another");
                    break;
                case Verb.End:
                    End(id);
                    break;
                case Verb.StartAhead:
                    StartAhead($"host-service-waiting-{_ahead++}");
                    break;
                case Verb.EndAhead when _held.Keys.Where(MandelboxIds.IsWaiting).Min(StringComparer.Ordinal) is { } waiting:
                    End(waiting);
                    break;
                case Verb.WarmUp:
                    var free = Free;
                    var answer = Request(new LeaseRequest(Guid.NewGuid(), MandelboxIds.WarmUp)).Result;
                    Assert.Equal(answer.Lease is not null, free > _reserved.Count && _asked.Count == 0);
                    Run(() => _host.ReleaseLease(MandelboxIds.WarmUp, answer.Lease?.Id ?? Guid.Empty));
                    break;
                case Verb.Wait:
                    _clock.Advance(TimeSpan.FromSeconds(number));
                    break;
            }

            Settle();
        }

        public void Check()
        {
            ForgetExpired();
            var host = Host;
            Assert.Equal((_held.Count, _held.Count), (host.Slots.Used, host.Ttys.Used));
            Assert.InRange(_held.Count, 0, Slots);
            Assert.Equal(_asked.Keys.Order(StringComparer.Ordinal), host.Queue.Order(StringComparer.Ordinal));

            // Reserved room is there, and nobody waits for what is neither reserved nor in use.
            Assert.InRange(_reserved.Count, 0, Room);
            Assert.Equal((_reserved.Count, Room - _reserved.Count), (host.Reserved, host.Free));
            Assert.True(host.Free == 0 || _asked.Count == 0, $"{host.Free} are free, and {string.Join(", ", host.Queue)} wait");
            Assert.Equal(Free > _reserved.Count && _asked.Count == 0, Run(_host.MayStartWaiting));
        }

        private static T None<T>()
            where T : class => System.Reflection.DispatchProxy.Create<T, ModelGrains.Answers>();

        private void Reserve(string id)
        {
            var others = _reserved.Keys.Count(other => other != id);
            var has = _reserved.ContainsKey(id);
            var refusal = Run(() => _host.Reserve(id));
            Assert.Equal(_held.ContainsKey(id) || ((has || _asked.Count == 0) && Room > others), refusal is null);
            if (refusal is null && !_held.ContainsKey(id))
            {
                _reserved[id] = _clock.GetTimestamp();
            }
        }

        /// <summary>As the step of a spin-up does: where the host says so, it ends a mandelbox that waits, and asks again.</summary>
        private void Ask(string id, string app)
        {
            if (_asked.ContainsKey(id))
            {
                return;
            }

            var isReserved = _reserved.ContainsKey(id);
            var request = new LeaseRequest(Guid.NewGuid(), id, AdoptsApp: app);
            var asked = Request(request);
            while (asked is { IsCompleted: true, Result: { Lease: null, Waiting: { } waiting } })
            {
                Assert.True(Room > _reserved.Keys.Count(other => other != id), $"{id} ends {waiting}, whose room is reserved");
                End(waiting);
                asked = Request(request = request with { LeaseId = Guid.NewGuid() });
            }

            if (isReserved)
            {
                Assert.True(asked.IsCompleted, $"{id} has reserved, and waits");
                Assert.NotNull(asked.Result.Lease);
            }

            if (asked.IsCompleted)
            {
                Take(id, asked.Result);
            }
            else
            {
                _asked.Add(id, (request, asked));
            }
        }

        private void Take(string id, LeaseAnswer answer)
        {
            if (answer.Lease is not { } lease)
            {
                return;
            }

            Assert.True(!_held.TryGetValue(id, out var same) || same == lease);
            _held[id] = lease;
            _reserved.Remove(id);
            if (answer.Waiting is { } adopted)
            {
                _held.Remove(adopted, out var before);
                Run(() => _host.ReleaseLease(adopted, before!.Id));
                Report(adopted, MandelboxState.Gone);
            }
        }

        private void StartAhead(string id)
        {
            Report(id, MandelboxState.Allocated);
            var isRoom = Free > _reserved.Count && _asked.Count == 0;
            var answer = Request(new LeaseRequest(Guid.NewGuid(), id)).Result;
            Assert.Equal(isRoom, answer.Lease is not null);
            if (answer.Lease is { } lease)
            {
                _held[id] = lease;
            }

            Report(id, isRoom ? MandelboxState.Waiting : MandelboxState.Gone);
        }

        private void End(string id)
        {
            var lease = _held.Remove(id, out var held) ? held.Id : _asked.TryGetValue(id, out var asked) ? asked.Request.LeaseId : Guid.NewGuid();
            Run(() => _host.ReleaseLease(id, lease));
            if (MandelboxIds.IsWaiting(id))
            {
                Report(id, MandelboxState.Gone);
            }
        }

        private void Report(string id, MandelboxState state) => Run(() => _host.Report(new MandelboxDescription
        {
            MandelboxId = id,
            State = state,
            AppName = App,
            Lease = _held.GetValueOrDefault(id),
            CreatedAt = _clock.GetUtcNow(),
            Since = _clock.GetUtcNow(),
        }));

        /// <summary>Until those that are no longer in the queue have their answer.</summary>
        private void Settle()
        {
            ForgetExpired();
            while (_scheduler.RunOne(TimeSpan.Zero))
            {
            }

            while (_asked.Keys.Except(Host.Queue).Order(StringComparer.Ordinal).FirstOrDefault() is { } answered)
            {
                _asked.Remove(answered, out var asked);
                while (!asked.Answer.IsCompleted)
                {
                    Assert.True(_scheduler.RunOne(Patience), $"{answered} gets no answer");
                }

                Take(answered, asked.Answer.Result);
                if (asked.Answer.Result is { Lease: null, Waiting: { } waiting })
                {
                    // The room is its own from then on.
                    _reserved[answered] = _clock.GetTimestamp();
                    End(waiting);
                    Ask(answered, asked.Request.AdoptsApp!);
                }
            }
        }

        private void ForgetExpired()
        {
            foreach (var (id, since) in _reserved.Where(r => _clock.GetElapsedTime(r.Value) >= HostReservations.Lasting).ToList())
            {
                _reserved.Remove(id);
            }
        }

        private Task<LeaseAnswer> Request(LeaseRequest request)
        {
            Task<LeaseAnswer> answer = null!;
            Run(() =>
            {
                answer = _host.AcquireLease(request);
                return Task.CompletedTask;
            });
            return answer;
        }

        private T Run<T>(Func<Task<T>> call)
        {
            Task<T> answer = null!;
            Run(() => (Task)(answer = call()));
            return answer.Result;
        }

        private void Run(Func<Task> call)
        {
            var done = _scheduler.Start(call);
            while (!done.IsCompleted)
            {
                Assert.True(_scheduler.RunOne(Patience), "a call gets no answer");
            }

            done.GetAwaiter().GetResult();
        }
    }
}
