using FsCheck;
using FsCheck.Fluent;
using HostService.GrainInterfaces;
using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

/// <summary>Leases of mandelboxes that wait pass to those that adopt them, and come back where an adoption fails.</summary>
public sealed class LeaseHandOverTests
{
    private const int Slots = 6;

    private enum Verb
    {
        AcquireForUser,
        AcquireForWaiting,
        HandOver,
        ReleaseByUser,
        ReleaseByWaiting,
        ReleaseByAdopted,
        ReleaseAgain,
        ReleaseForeign,
        StartSandbox,
        ForgetSandbox,
    }

    [Fact]
    public void A_lease_that_was_handed_over_belongs_to_the_adopter_with_all_that_it_has()
    {
        var allocator = Allocator();
        var waiting = Granted(allocator, "w");

        var adopted = allocator.HandOver("w", Request("m"))!;

        Assert.Equal(("m", waiting.Tty, waiting.GpuIndex), (adopted.MandelboxId, adopted.Tty, adopted.GpuIndex));
        Assert.Equal(waiting.Ports, adopted.Ports);
        Assert.NotEqual(waiting.Id, adopted.Id);
        Assert.Equal("m", allocator.FindByHostPort(adopted.Ports[0].HostPort, adopted.Ports[0].Transport));
        Assert.Null(allocator.Find("w"));
        Assert.Equal(waiting, Assert.Single(allocator.HandedOver));
        Assert.Equal((1, 1), (allocator.Ttys.Used, allocator.Gpus.Figures.Used));
    }

    [Fact]
    public void There_is_nothing_to_hand_over_from_one_that_has_no_lease()
    {
        var allocator = Allocator();
        Granted(allocator, "w");
        Assert.NotNull(allocator.HandOver("w", Request("m")));
        Assert.Null(allocator.HandOver("w", Request("n")));
        Assert.Null(allocator.HandOver("unknown", Request("n")));
        Assert.Null(allocator.Find("n"));
    }

    [Fact]
    public void In_any_order_of_hand_overs_and_releases_nothing_has_two_owners_and_nothing_leaks()
    {
        var steps = Gen.Elements(Enum.GetValues<Verb>()).Zip(Gen.Choose(0, 59), (verb, number) => (verb, number)).ListOf();
        Prop.ForAll(Arb.From(steps), life =>
        {
            var model = new Model();
            foreach (var (verb, number) in life)
            {
                model.Do(verb, number);
                model.Check();
            }

            model.End();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(150));
    }

    private static LeaseAllocator Allocator(int sandboxes = 0)
    {
        var tcp = new PortPool([4678], _ => true, new Random(1));
        var udp = new PortPool([], _ => true, new Random(2));
        return new LeaseAllocator(new TtyPool(), tcp, udp, new GpuPool([0, 1], Slots / 2, 0), new SandboxPool(tcp, udp, sandboxes));
    }

    private static LeaseRequest Request(string owner) => new(Guid.NewGuid(), owner);

    private static Lease Granted(LeaseAllocator allocator, string owner)
    {
        var answer = allocator.Acquire(Request(owner));
        Assert.Null(answer.Refusal);
        return answer.Lease!;
    }

    /// <summary>Who holds what, by the rules: the same operations on it and on an allocator.</summary>
    private sealed class Model
    {
        private readonly LeaseAllocator _allocator = Allocator(sandboxes: 2);
        private readonly Dictionary<string, Lease> _held = new(StringComparer.Ordinal);

        /// <summary>By the adopter: the lease that its release gives back to the one that waits.</summary>
        private readonly Dictionary<string, Lease> _pending = new(StringComparer.Ordinal);
        private readonly List<Lease> _past = [];
        private int _waiting;

        private List<string> Users => [.. _held.Keys.Where(id => !IsWaiting(id)).Order(StringComparer.Ordinal)];

        private List<string> Waiting => [.. _held.Keys.Where(IsWaiting).Order(StringComparer.Ordinal)];

        public void Do(Verb verb, int number)
        {
            var user = $"m{number % 8}";
            switch (verb)
            {
                case Verb.AcquireForUser:
                    Acquire(user);
                    break;
                case Verb.AcquireForWaiting:
                    Acquire($"w{_waiting++}");
                    break;
                case Verb.HandOver when Any(Waiting, number) is { } waiting && !_held.ContainsKey(user):
                    var request = Request(user);
                    var lease = _allocator.HandOver(waiting, request)!;
                    Assert.Equal(_held[waiting] with { Id = request.LeaseId, MandelboxId = user }, lease);
                    _held.Remove(waiting, out var before);
                    (_pending[user], _held[user]) = (before!, lease);
                    break;
                case Verb.ReleaseByUser when Any(Users, number) is { } holder:
                    Release(holder);
                    break;
                case Verb.ReleaseByWaiting when Any(Waiting, number) is { } holder:
                    Release(holder);
                    break;
                case Verb.ReleaseByAdopted when Any([.. _pending.Keys.Order(StringComparer.Ordinal)], number) is { } adopter:
                    _pending.Remove(adopter, out var handedOver);
                    Assert.True(_allocator.Release(handedOver!.MandelboxId, handedOver.Id));
                    _past.Add(handedOver);
                    break;
                case Verb.ReleaseAgain when _past.Count > 0:
                    var old = _past[number % _past.Count];
                    Assert.False(_allocator.Release(old.MandelboxId, old.Id));
                    break;
                case Verb.ReleaseForeign when _held.Count > 0:
                    var foreign = _held.Values.ElementAt(number % _held.Count);
                    Assert.False(_allocator.Release(foreign.MandelboxId, Guid.NewGuid()));
                    Assert.False(_allocator.Release("somebody", foreign.Id));
                    foreach (var (adopter, given) in _pending)
                    {
                        Assert.False(_allocator.Release(adopter, given.Id));
                        Assert.False(_allocator.Release(given.MandelboxId, _held[adopter].Id));
                    }

                    break;
                case Verb.StartSandbox when _allocator.Sandboxes.Begin() is { } sandbox:
                    Assert.True(_allocator.Sandboxes.SetReady(sandbox.Name));
                    break;
                case Verb.ForgetSandbox when _allocator.Sandboxes.Sandboxes.FirstOrDefault(s => s.State == SandboxState.Spent) is { } spent:
                    _allocator.Sandboxes.Forget(spent.Name);
                    break;
            }
        }

        public void Check()
        {
            Assert.Equal(
                _held.Values.OrderBy(lease => lease.MandelboxId, StringComparer.Ordinal),
                _allocator.Leases.OrderBy(lease => lease.MandelboxId, StringComparer.Ordinal));
            Assert.Equal(_pending.Values.Select(lease => lease.Id).Order(), _allocator.HandedOver.Select(lease => lease.Id).Order());
            Assert.Equal(_held.Count, _held.Values.Select(lease => lease.Tty).Distinct().Count());
            Assert.Equal(
                3 * _held.Count, _held.Values.SelectMany(lease => lease.Ports).Select(p => (p.Transport, p.HostPort)).Distinct().Count());
            var sandboxes = _held.Values.Select(lease => lease.Sandbox).OfType<string>().ToList();
            Assert.Equal(
                sandboxes.Order(StringComparer.Ordinal),
                _allocator.Sandboxes.Sandboxes.Where(s => s.State == SandboxState.Used).Select(s => s.Name).Order(StringComparer.Ordinal));

            var own = _held.Count - sandboxes.Count;
            var ofSandboxes = _allocator.Sandboxes.Sandboxes.Count;
            Assert.Equal(
                (_held.Count, _held.Count, 2 * (own + ofSandboxes), own + ofSandboxes),
                (_allocator.Ttys.Used, _allocator.Gpus.Figures.Used, _allocator.TcpPorts.Used, _allocator.UdpPorts.Used));
            Assert.All(
                _allocator.Gpus.Describe(), gpu => Assert.Equal(_held.Values.Count(lease => lease.GpuIndex == gpu.Index), gpu.Used));
        }

        /// <summary>Adopters and those that wait end, in the order of their names.</summary>
        public void End()
        {
            while (_held.Count > 0)
            {
                Release(_held.Keys.Order(StringComparer.Ordinal).First());
                Check();
            }

            foreach (var sandbox in _allocator.Sandboxes.Sandboxes.ToList())
            {
                _allocator.Sandboxes.SetEnded(sandbox.Name);
                _allocator.Sandboxes.Forget(sandbox.Name);
            }

            Assert.Equal(
                (0, 0, 0, 0, 0),
                (_allocator.Ttys.Used, _allocator.TcpPorts.Used, _allocator.UdpPorts.Used, _allocator.Gpus.Figures.Used,
                    _allocator.HandedOver.Count));
        }

        private static bool IsWaiting(string id) => id.StartsWith('w');

        private static string? Any(List<string> all, int number) => all.Count == 0 ? null : all[number % all.Count];

        private void Acquire(string owner)
        {
            var answer = _allocator.Acquire(Request(owner));
            Assert.Equal(_held.ContainsKey(owner) || _held.Count < Slots, answer.Lease is not null);
            if (answer.Lease is { } lease)
            {
                Assert.True(!_held.TryGetValue(owner, out var same) || same == lease);
                _held[owner] = lease;
            }
        }

        private void Release(string owner)
        {
            _held.Remove(owner, out var lease);
            Assert.True(_allocator.Release(owner, lease!.Id));
            _past.Add(lease);
            if (_pending.Remove(owner, out var before))
            {
                _held[before.MandelboxId] = before;
            }
        }
    }
}
