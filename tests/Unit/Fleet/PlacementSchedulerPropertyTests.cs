using FsCheck;
using FsCheck.Fluent;
using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Fleet;

/// <summary>The scheduler with hosts that decide themselves, over a network that loses and delays.</summary>
public sealed class PlacementSchedulerPropertyTests
{
    private static readonly TimeSpan ReservationLasts = HostReservations.Lasting;

    private enum Verb
    {
        Place,
        PlaceAgain,
        PlaceWithWish,
        HostAnswers,
        HostAnswersToo,
        AnswerArrives,
        AnswerArrivesToo,
        AnswerIsLost,
        MakeReport,
        MakeAnotherReport,
        ReportArrives,
        SpinUp,
        End,
        Drain,
        Partition,
        Advance,
        GiveUp,
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Whatever_is_lost_or_late_no_host_is_asked_that_is_known_not_to_take_it_nothing_leaks_and_nobody_is_overtaken(int queue)
    {
        var steps = Gen.Elements(Enum.GetValues<Verb>()).Zip(Gen.Choose(0, 999), (verb, number) => (verb, number)).ListOf();
        Prop.ForAll(Arb.From(steps), life =>
        {
            var model = new Model(queue);
            foreach (var (verb, number) in life)
            {
                model.Do(verb, number);
            }

            model.End();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(250));
    }

    private static T? Any<T>(IReadOnlyList<T> items, int number)
        where T : class => items.Count == 0 ? null : items[number % items.Count];

    private sealed class SimulatedHost(string name, string gpu, int capacity)
    {
        private readonly Dictionary<string, DateTimeOffset> _reserved = new(StringComparer.Ordinal);

        public string Name => name;

        public HashSet<string> Running { get; } = new(StringComparer.Ordinal);

        public bool IsDraining { get; set; }

        public bool IsCutOff { get; set; }

        public IReadOnlyList<string> Reserved(DateTimeOffset now) => [.. _reserved.Where(r => r.Value > now).Select(r => r.Key)];

        public string? Reserve(string id, DateTimeOffset now)
        {
            if (IsDraining)
            {
                return "it is draining";
            }

            if (Running.Count + Reserved(now).Count(other => other != id) >= capacity)
            {
                return "nothing is free";
            }

            _reserved[id] = now + ReservationLasts;
            return null;
        }

        public void Cancel(string id) => _reserved.Remove(id);

        public void SpinUp(string id)
        {
            if (_reserved.Remove(id))
            {
                Running.Add(id);
            }
        }

        public HostReport Report(DateTimeOffset now) => new()
        {
            Host = name,
            Address = "10.0.0.1",
            Status = IsDraining ? HostStatus.Draining : HostStatus.Active,
            Capacity = capacity,
            Free = capacity - Running.Count - Reserved(now).Count,
            GpuKinds = [gpu],
        };
    }

    /// <summary>A call to a host that has not been answered.</summary>
    private sealed record Ask(Placement Placement, SimulatedHost Host)
    {
        public bool IsAtHost { get; set; }

        public string? Refusal { get; set; }
    }

    private sealed class Model
    {
        private readonly ManualClock _clock = new();
        private readonly FleetOptions _options;
        private readonly PlacementScheduler _scheduler;
        private readonly List<SimulatedHost> _hosts =
            [new("a", "T4", 2), new("b", "T4", 4), new("c", "A10G", 3), new("d", "A10G", 1)];
        private readonly List<Placement> _placements = [];
        private readonly List<Ask> _asks = [];
        private readonly List<HostReport> _reports = [];

        /// <summary>By host: what the scheduler was last told.</summary>
        private readonly Dictionary<string, (HostReport Report, DateTimeOffset At)> _known = new(StringComparer.Ordinal);
        private int _ids;

        public Model(int queue)
        {
            _options = new FleetOptions { QueueCapacity = queue };
            _scheduler = new PlacementScheduler(_options, _clock);
        }

        private DateTimeOffset Now => _clock.GetUtcNow();

        public void Do(Verb verb, int number)
        {
            switch (verb)
            {
                case Verb.Place or Verb.PlaceAgain:
                    Place(new PlacementWishes());
                    break;
                case Verb.PlaceWithWish:
                    Place(new PlacementWishes(Gpu: number % 2 == 0 ? "T4" : "A10", Order: PlacementOrder.Pack));
                    break;
                case Verb.HostAnswers or Verb.HostAnswersToo when Any(_asks.FindAll(a => !a.IsAtHost && !a.Host.IsCutOff), number) is { } ask:
                    (ask.IsAtHost, ask.Refusal) = (true, ask.Host.Reserve(ask.Placement.Request.MandelboxId, Now));
                    break;
                case Verb.AnswerArrives or Verb.AnswerArrivesToo when Any(_asks.FindAll(a => a.IsAtHost), number) is { } ask:
                    Answer(ask);
                    break;
                case Verb.AnswerIsLost when Any(_asks, number) is { } ask:
                    Lose(ask);
                    break;
                case Verb.MakeReport or Verb.MakeAnotherReport when _hosts[number % 4] is { IsCutOff: false } host:
                    _reports.Add(host.Report(Now));
                    break;
                case Verb.ReportArrives when _reports.Count > 0:
                    ReportArrives();
                    break;
                case Verb.SpinUp when Any(_placements.FindAll(HasPlace), number) is { } placed:
                    HostOf(placed).SpinUp(placed.Request.MandelboxId);
                    break;
                case Verb.End when Any([.. _hosts.SelectMany(h => h.Running)], number) is { } id:
                    _hosts.ForEach(h => h.Running.Remove(id));
                    break;
                case Verb.Drain:
                    _hosts[number % 4].IsDraining ^= true;
                    break;
                case Verb.Partition:
                    Partition(_hosts[number % 4], isNoticed: number % 3 == 0);
                    break;
                case Verb.Advance:
                    _clock.Advance(TimeSpan.FromSeconds(number % 8));
                    break;
                case Verb.GiveUp when Any(_placements.FindAll(p => !p.Answer.IsCompleted), number) is { } late:
                    _scheduler.GiveUp(late);
                    break;
            }

            AskHosts();
        }

        /// <summary>Everything arrives; who waits then waits for a reason; nothing is left once all have been refused.</summary>
        public void End()
        {
            foreach (var host in _hosts)
            {
                (host.IsCutOff, host.IsDraining) = (false, false);
            }

            for (var round = 0; round < 3; round++)
            {
                _reports.AddRange(_hosts.Select(h => h.Report(Now)));
                while (_reports.Count > 0)
                {
                    ReportArrives();
                    AskHosts();
                }

                while (_asks.Count > 0)
                {
                    var ask = _asks[0];
                    (ask.IsAtHost, ask.Refusal) =
                        (true, ask.IsAtHost ? ask.Refusal : ask.Host.Reserve(ask.Placement.Request.MandelboxId, Now));
                    Answer(ask);
                    AskHosts();
                }
            }

            var waiting = _placements.FindAll(p => !p.Answer.IsCompleted);
            Assert.Equal(_scheduler.Count, waiting.Count);
            Assert.True(waiting.Count <= _options.QueueCapacity);
            Assert.All(waiting, p => Assert.True(p.IsQueued));
            Assert.DoesNotContain(_hosts, h => h.Report(Now).Free > 0 && waiting.Exists(p => Suits(h.Report(Now), p)));
            waiting.ForEach(_scheduler.GiveUp);
            Assert.Equal((0, 0), (_scheduler.Count, _scheduler.Queued));
            Assert.All(waiting, p => Assert.NotNull(p.Answer.Result.Refusal));

            // What is still reserved was promised to somebody, or its answer was lost: that expires.
            _clock.Advance(ReservationLasts);
            Assert.All(_hosts, h => Assert.Empty(h.Reserved(Now)));
            Assert.All(_hosts, h => Assert.True(h.Report(Now).Free >= 0));
        }

        private static bool HasPlace(Placement placement) =>
            placement.Answer.IsCompletedSuccessfully && placement.Answer.Result.Host is not null;

        private static bool Suits(HostReport report, Placement placement) =>
            placement.Request.Wishes.Gpu is not { } gpu || report.GpuKinds[0].Contains(gpu, StringComparison.Ordinal);

        private SimulatedHost HostOf(Placement placement) => _hosts.Single(h => h.Name == placement.Answer.Result.Host);

        private void Place(PlacementWishes wishes) =>
            _placements.Add(_scheduler.Add(new PlacementRequest($"m{_ids++}", "app", wishes)));

        private void ReportArrives()
        {
            var report = _reports[0];
            _reports.RemoveAt(0);
            _known[report.Host] = (report, Now);
            _scheduler.Report(report);
        }

        private void Partition(SimulatedHost host, bool isNoticed)
        {
            host.IsCutOff ^= true;
            if (host.IsCutOff && isNoticed)
            {
                _known.Remove(host.Name);
                _scheduler.SetAway(host.Name, "it is not connected");
            }
        }

        private void Answer(Ask ask)
        {
            _asks.Remove(ask);
            if (ask.Refusal is { } refusal)
            {
                _scheduler.Refused(ask.Placement, refusal);
                return;
            }

            var takes = _known.TryGetValue(ask.Host.Name, out var known)
                && known.Report.Status == HostStatus.Active && Now - known.At <= _options.AwayAfter;
            Assert.Equal(takes, _scheduler.Reserved(ask.Placement));
            Assert.Equal(takes, HasPlace(ask.Placement));
            if (!takes)
            {
                ask.Host.Cancel(ask.Placement.Request.MandelboxId);
            }
        }

        private void Lose(Ask ask)
        {
            _asks.Remove(ask);
            _scheduler.Unanswered(ask.Placement, "it did not answer");
            if (!ask.Host.IsCutOff)
            {
                ask.Host.Cancel(ask.Placement.Request.MandelboxId);
            }
        }

        private void AskHosts()
        {
            foreach (var placement in _scheduler.Next())
            {
                var known = _known[placement.AskedHost!];
                Assert.True(Now - known.At <= _options.AwayAfter, "the host is away");
                Assert.Equal(HostStatus.Active, known.Report.Status);
                Assert.True(known.Report.Free > 0, "the host is full");
                Assert.True(Suits(known.Report, placement), "the host does not suit");
                Assert.DoesNotContain(
                    _placements.TakeWhile(p => p != placement),
                    p => !p.Answer.IsCompleted && p.AskedHost is null && p.Request.Wishes == placement.Request.Wishes);
                _asks.Add(new Ask(placement, _hosts.Single(h => h.Name == placement.AskedHost)));
            }

            Assert.Equal(_asks.Count, _placements.Count(p => p.AskedHost is not null));
            Assert.True(_scheduler.Queued <= _options.QueueCapacity);
        }
    }
}
