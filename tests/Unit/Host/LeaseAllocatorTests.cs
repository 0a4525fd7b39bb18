using FsCheck;
using FsCheck.Fluent;
using HostService.GrainInterfaces;
using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

public sealed class LeaseAllocatorTests
{
    private enum Verb
    {
        Acquire,
        Release,
        ReleaseAgain,
        ReleaseForeign,
        BeginSandbox,
        StartSandbox,
        EndSandbox,
        ForgetSandbox,
    }

    private static LeaseAllocator Allocator(int slots = 54, Func<ushort, bool>? tcpFree = null, int sandboxes = 0)
    {
        var tcp = new PortPool([4678], tcpFree ?? (_ => true), new Random(1));
        var udp = new PortPool([], _ => true, new Random(2));
        return new LeaseAllocator(new TtyPool(), tcp, udp, new GpuPool([], 2, slots), new SandboxPool(tcp, udp, sandboxes));
    }

    private static LeaseRequest Request(string owner, params IReadOnlyList<PortBinding> ports) => new(Guid.NewGuid(), owner, ports);

    private static Lease Granted(LeaseAnswer answer)
    {
        Assert.Null(answer.Refusal);
        return answer.Lease!;
    }

    [Fact]
    public void A_lease_is_a_tty_a_slot_and_the_three_ports_in_their_order()
    {
        var lease = Granted(Allocator().Acquire(Request("m")));
        Assert.InRange(lease.Tty, 10, 63);
        Assert.Equal(-1, lease.GpuIndex);
        Assert.Equal(
            [(32262, Transport.Tcp), (32263, Transport.Udp), (32273, Transport.Tcp)],
            lease.Ports.Select(p => ((int)p.MandelboxPort, p.Transport)));
        Assert.All(lease.Ports, p => Assert.InRange(p.HostPort, 1025, 49150));
    }

    [Fact]
    public void A_second_request_gets_the_same_lease()
    {
        var allocator = Allocator();
        Assert.Same(allocator.Acquire(Request("m")).Lease, allocator.Acquire(Request("m")).Lease);
        Assert.Equal(1, allocator.Ttys.Used);
    }

    [Fact]
    public void A_lease_has_the_id_that_its_request_chose_and_can_be_released_by_it()
    {
        var allocator = Allocator();
        var (acquired, adopted) = (Guid.NewGuid(), Guid.NewGuid());
        Assert.Equal(acquired, Granted(allocator.Acquire(new LeaseRequest(acquired, "m"))).Id);
        Assert.Equal(adopted, Granted(allocator.Adopt(adopted, "n", [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 60000)])).Id);
        Assert.True(allocator.Release("m", acquired));
        Assert.True(allocator.Release("n", adopted));
    }

    [Fact]
    public void A_late_release_of_an_old_lease_leaves_the_new_one_alone()
    {
        var allocator = Allocator();
        var old = Granted(allocator.Acquire(Request("m")));
        Assert.True(allocator.Release("m", old.Id));
        var young = Granted(allocator.Acquire(Request("m")));
        Assert.False(allocator.Release("m", old.Id));
        Assert.Equal("m", allocator.FindByHostPort(young.HostPortFor(MandelboxPorts.Control), Transport.Tcp));
    }

    [Fact]
    public void Requested_ports_are_given_as_named_and_the_others_are_chosen()
    {
        var wanted = new PortBinding(MandelboxPorts.Secondary, Transport.Tcp, 20000);
        var lease = Granted(Allocator().Acquire(Request("m", wanted)));
        Assert.Equal(20000, lease.HostPortFor(MandelboxPorts.Secondary));
        Assert.NotEqual(20000, lease.HostPortFor(MandelboxPorts.Control));
    }

    [Theory]
    [InlineData(4678, "reserved")]
    [InlineData(80, "outside")]
    [InlineData(20001, "another program")]
    [InlineData(20002, "another mandelbox")]
    public void A_refused_port_releases_everything_and_says_why(ushort port, string why)
    {
        var allocator = Allocator(tcpFree: p => p != 20001);
        Granted(allocator.Acquire(Request("first", new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20002))));
        var answer = allocator.Acquire(Request("m", new PortBinding(MandelboxPorts.Secondary, Transport.Tcp, port)));
        Assert.Null(answer.Lease);
        Assert.Contains(why, answer.Refusal, StringComparison.Ordinal);
        Assert.Equal((1, 2, 1, 1), (allocator.Ttys.Used, allocator.TcpPorts.Used, allocator.UdpPorts.Used, allocator.Gpus.Figures.Used));
    }

    [Fact]
    public void Transports_and_ports_that_no_mandelbox_has_are_refused()
    {
        var allocator = Allocator();
        foreach (var bad in new[]
        {
            new PortBinding(MandelboxPorts.Control, (Transport)7, 20000),
            new PortBinding(MandelboxPorts.Control, Transport.Udp, 20000),
            new PortBinding(22, Transport.Tcp, 20000),
        })
        {
            Assert.NotNull(allocator.Acquire(Request("m", bad)).Refusal);
        }

        var twice = new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000);
        Assert.Contains("twice", allocator.Acquire(Request("m", twice, twice)).Refusal, StringComparison.Ordinal);
        Assert.Equal(0, allocator.Ttys.Used);
    }

    [Fact]
    public void The_55th_lease_is_refused_with_the_reason_and_the_next_one_works_after_a_release()
    {
        var allocator = Allocator();
        var leases = Enumerable.Range(0, 54).Select(i => Granted(allocator.Acquire(Request($"m{i}")))).ToList();
        Assert.Equal(54, leases.Select(l => l.Tty).Distinct().Count());
        Assert.Equal(162, leases.SelectMany(l => l.Ports).Select(p => (p.Transport, p.HostPort)).Distinct().Count());
        Assert.Contains("no TTY is free", allocator.Acquire(Request("one more")).Refusal, StringComparison.Ordinal);
        Assert.True(allocator.Release("m17", leases[17].Id));
        Assert.Equal(leases[17].Tty, Granted(allocator.Acquire(Request("one more"))).Tty);
    }

    [Fact]
    public void A_lease_without_a_slot_releases_the_tty()
    {
        var allocator = Allocator(slots: 1);
        Granted(allocator.Acquire(Request("a")));
        Assert.Contains("slots", allocator.Acquire(Request("b")).Refusal, StringComparison.Ordinal);
        Assert.Equal(1, allocator.Ttys.Used);
    }

    [Fact]
    public void What_containers_of_earlier_runs_use_is_kept_while_they_exist_and_given_to_nobody()
    {
        var earlier = Allocator();
        List<Lease> kept =
        [
            Granted(earlier.Acquire(Request("m"))) with { MandelboxId = "container 1" },
            Granted(earlier.Acquire(Request("n"))) with { MandelboxId = "container 2" },
        ];
        var allocator = Allocator();
        Assert.Empty(allocator.Hold(kept));
        Assert.Empty(allocator.Hold(kept));
        Assert.Equal((2, 4, 2), (allocator.Ttys.Used, allocator.TcpPorts.Used, allocator.UdpPorts.Used));

        // The same mandelbox id gets a lease of its own.
        var mine = Granted(allocator.Acquire(Request("m")));
        Assert.DoesNotContain(mine.Tty, kept.Select(l => l.Tty));
        Assert.Empty(mine.Ports.IntersectBy(kept.SelectMany(l => l.Ports).Select(p => p.HostPort), p => p.HostPort));
        Assert.Null(allocator.FindByHostPort(kept[0].Ports[0].HostPort, kept[0].Ports[0].Transport));

        Assert.Empty(allocator.Hold([kept[1]]));
        Assert.Equal((2, 2), (allocator.Leases.Count, allocator.Ttys.Used));
        Assert.Empty(allocator.Hold([]));
        Assert.Equal((1, 1), (allocator.Leases.Count, allocator.Ttys.Used));
    }

    [Fact]
    public void What_somebody_else_uses_cannot_be_kept()
    {
        var allocator = Allocator();
        var mine = Granted(allocator.Acquire(Request("m")));
        var contradiction = mine with { Id = Guid.NewGuid(), MandelboxId = "container 1" };
        Assert.Contains($"TTY {mine.Tty}", Assert.Single(allocator.Hold([contradiction])), StringComparison.Ordinal);
        Assert.Equal((1, 1, 2), (allocator.Leases.Count, allocator.Ttys.Used, allocator.TcpPorts.Used));
        Assert.Empty(allocator.Hold([]));
        Assert.Equal(1, allocator.Ttys.Used);
    }

    [Fact]
    public void A_lease_takes_a_ready_sandbox_with_its_ports_unless_the_request_names_some()
    {
        var allocator = Allocator(sandboxes: 2);
        var sandbox = allocator.Sandboxes.Begin()!;
        Assert.Null(Granted(allocator.Acquire(Request("early"))).Sandbox);
        allocator.Sandboxes.SetReady(sandbox.Name);

        Assert.Null(Granted(allocator.Acquire(Request("named", new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000)))).Sandbox);
        var lease = Granted(allocator.Acquire(Request("m")));
        Assert.Equal((sandbox.Name, sandbox.Ports), (lease.Sandbox, lease.Ports));
        Assert.Equal("m", allocator.FindBySandbox(sandbox.Name));

        Assert.True(allocator.Release("m", lease.Id));
        Assert.Null(allocator.FindBySandbox(sandbox.Name));
        Assert.Equal(SandboxState.Spent, Assert.Single(allocator.Sandboxes.Sandboxes).State);
        Assert.Equal(6, allocator.TcpPorts.Used);
        allocator.Sandboxes.Forget(sandbox.Name);
        Assert.Equal(4, allocator.TcpPorts.Used);
    }

    [Fact]
    public void A_refused_request_leaves_the_sandbox_to_the_next()
    {
        var allocator = Allocator(slots: 1, sandboxes: 1);
        Granted(allocator.Acquire(Request("m")));
        var sandbox = allocator.Sandboxes.Begin()!;
        allocator.Sandboxes.SetReady(sandbox.Name);

        Assert.NotNull(allocator.Acquire(Request("n")).Refusal);

        Assert.Equal(SandboxState.Ready, Assert.Single(allocator.Sandboxes.Sandboxes).State);
    }

    [Fact]
    public void A_restored_lease_holds_its_sandbox_and_a_refused_one_holds_nothing()
    {
        var lease = new Lease(Guid.NewGuid(), "m", 12, -1, [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000)], "s");
        var allocator = Allocator(sandboxes: 1);

        Granted(allocator.Restore(lease));
        Assert.NotNull(allocator.Restore(lease with { Id = Guid.NewGuid(), MandelboxId = "n", Tty = 13 }).Refusal);

        Assert.Equal((1, 1, 1), (allocator.Ttys.Used, allocator.TcpPorts.Used, allocator.Gpus.Figures.Used));
        Assert.Equal(SandboxState.Used, Assert.Single(allocator.Sandboxes.Sandboxes).State);
    }

    [Fact]
    public void A_port_that_a_request_names_is_not_drawn_for_its_other_one()
    {
        ushort[] free = [2000, 3000];
        var reserved = Enumerable.Range(1, ushort.MaxValue).Select(port => (ushort)port).Except(free).ToList();
        for (var seed = 0; seed < 10; seed++)
        {
            var (tcp, udp) = (new PortPool(reserved, _ => true, new Random(seed)), new PortPool([], _ => true, new Random(seed)));
            var allocator = new LeaseAllocator(new TtyPool(), tcp, udp, new GpuPool([], 2, 54), new SandboxPool(tcp, udp, 0));

            var lease = Granted(allocator.Acquire(Request("m", new PortBinding(MandelboxPorts.Secondary, Transport.Tcp, 2000))));

            Assert.Equal((3000, 2000), (lease.HostPortFor(MandelboxPorts.Control), lease.HostPortFor(MandelboxPorts.Secondary)));
        }
    }

    [Fact]
    public void A_host_whose_ports_are_all_in_use_is_full_and_one_that_is_asked_for_a_used_port_is_not()
    {
        var allocator = Allocator(tcpFree: _ => false);

        var full = allocator.Acquire(Request("m"));
        var named = allocator.Acquire(Request("m", new PortBinding(MandelboxPorts.Control, Transport.Tcp, 2000)));

        Assert.Equal((true, "no tcp host port is free"), (full.IsFull, full.Refusal));
        Assert.Equal((false, "host port 2000/tcp is in use by another program on this machine"), (named.IsFull, named.Refusal));
    }

    [Fact]
    public void What_cannot_be_adopted_or_restored_as_a_whole_holds_nothing()
    {
        var allocator = Allocator(slots: 2);
        var lease = Granted(allocator.Acquire(Request("m")));
        PortBinding[] ports = [new(MandelboxPorts.Control, Transport.Tcp, 2000), lease.Ports[1]];
        var another = lease with { Id = Guid.NewGuid(), MandelboxId = "n", Tty = 63 };

        Assert.Contains("is taken by another mandelbox", allocator.Adopt(Guid.NewGuid(), "n", ports).Refusal, StringComparison.Ordinal);
        Assert.Contains("is taken by another mandelbox", allocator.Restore(another with { Ports = ports }).Refusal, StringComparison.Ordinal);
        Assert.Equal((1, 2, 1, 1), Used());

        var second = Granted(allocator.Acquire(Request("o")));
        Assert.Contains("slots", allocator.Adopt(Guid.NewGuid(), "n", [ports[0]]).Refusal, StringComparison.Ordinal);
        Assert.Contains("has no slot", allocator.Restore(another with { Ports = [ports[0]], GpuIndex = -2 }).Refusal, StringComparison.Ordinal);
        Assert.Equal((2, 4, 2, 2), Used());

        Assert.True(allocator.Release("m", lease.Id));
        Assert.True(allocator.Release("o", second.Id));
        Assert.Equal((0, 0, 0, 0), Used());

        (int, int, int, int) Used() =>
            (allocator.Ttys.Used, allocator.TcpPorts.Used, allocator.UdpPorts.Used, allocator.Gpus.Figures.Used);
    }

    [Fact]
    public void A_restored_lease_is_the_one_of_its_mandelbox_and_no_other()
    {
        var allocator = Allocator();
        var lease = Granted(allocator.Acquire(Request("m")));

        Assert.Same(lease, allocator.Restore(lease with { Tty = 63 }).Lease);
        Assert.Equal("mandelbox m has another lease already", allocator.Restore(lease with { Id = Guid.NewGuid() }).Refusal);
        Assert.Equal(1, allocator.Ttys.Used);
    }

    [Fact]
    public void A_container_is_not_adopted_while_no_tty_is_free()
    {
        var allocator = Allocator(slots: 60);
        for (var i = 0; i < TtyPool.Capacity; i++)
        {
            Granted(allocator.Acquire(Request($"m{i}")));
        }

        Assert.Contains("no TTY is free", allocator.Adopt(Guid.NewGuid(), "n", []).Refusal, StringComparison.Ordinal);
        Assert.Contains("no TTY is free", allocator.ExplainFull(), StringComparison.Ordinal);
        Assert.Equal(TtyPool.Capacity, allocator.Gpus.Figures.Used);
    }

    [Fact]
    public void In_any_order_of_requests_and_releases_nothing_has_two_owners_and_nothing_leaks()
    {
        var steps = Gen.Elements(Enum.GetValues<Verb>()).Zip(Gen.Choose(0, 79), (verb, id) => (verb, id)).ListOf();
        Prop.ForAll(Arb.From(steps), life =>
        {
            var allocator = Allocator(sandboxes: 3);
            var pool = allocator.Sandboxes;
            var used = new HashSet<string>(StringComparer.Ordinal);
            var held = new Dictionary<string, Lease>(StringComparer.Ordinal);
            var past = new Dictionary<string, Lease>(StringComparer.Ordinal);
            foreach (var (verb, number) in life)
            {
                var id = $"m{number}";
                switch (verb)
                {
                    case Verb.Acquire:
                        var answer = allocator.Acquire(Request(id));
                        Assert.Equal(held.ContainsKey(id) || held.Count < 54, answer.Lease is not null);
                        if (answer.Lease is { } lease)
                        {
                            Assert.True(!held.TryGetValue(id, out var same) || same == lease);
                            Assert.True(same is not null || lease.Sandbox is null || used.Add(lease.Sandbox), "a sandbox was used twice");
                            held[id] = lease;
                        }

                        break;
                    case Verb.Release when held.Remove(id, out var returned):
                        Assert.True(allocator.Release(id, returned.Id));
                        past[id] = returned;
                        break;
                    case Verb.ReleaseAgain when past.TryGetValue(id, out var old):
                        Assert.False(allocator.Release(id, old.Id));
                        break;
                    case Verb.ReleaseForeign when held.Values.FirstOrDefault(l => l.MandelboxId != id) is { } foreign:
                        Assert.False(allocator.Release(id, foreign.Id));
                        break;
                    case Verb.BeginSandbox:
                        pool.Begin();
                        break;
                    case Verb.StartSandbox when Any(SandboxState.Starting) is { } starting:
                        Assert.True(pool.SetReady(starting));
                        break;
                    case Verb.EndSandbox when Any((SandboxState)(number % 5)) is { } ended:
                        pool.SetEnded(ended);
                        break;
                    case Verb.ForgetSandbox when Any((SandboxState)(number % 5)) is { } forgotten:
                        pool.Forget(forgotten);
                        break;
                }

                string? Any(SandboxState state) => pool.Sandboxes.FirstOrDefault(sandbox => sandbox.State == state)?.Name;

                var ports = held.Values.Where(l => l.Sandbox is null).SelectMany(l => l.Ports).Concat(pool.Sandboxes.SelectMany(s => s.Ports)).ToList();
                Assert.Equal(held.Values.Count(l => l.Sandbox is not null), pool.Sandboxes.Count(s => s.State == SandboxState.Used));
                Assert.Equal(ports.Count, ports.Select(port => (port.Transport, port.HostPort)).Distinct().Count());

                Assert.Equal(held.Count, held.Values.Select(l => l.Tty).Distinct().Count());
                Assert.Equal(
                    3 * held.Count, held.Values.SelectMany(l => l.Ports).Select(p => (p.Transport, p.HostPort)).Distinct().Count());
                Assert.Equal(
                    (held.Count, ports.Count(port => port.Transport == Transport.Tcp), ports.Count(port => port.Transport == Transport.Udp), held.Count),
                    (allocator.Ttys.Used, allocator.TcpPorts.Used, allocator.UdpPorts.Used, allocator.Gpus.Figures.Used));
            }

            foreach (var (id, lease) in held)
            {
                Assert.True(allocator.Release(id, lease.Id));
            }

            foreach (var sandbox in pool.Sandboxes.ToList())
            {
                pool.SetEnded(sandbox.Name);
                pool.Forget(sandbox.Name);
            }

            Assert.Equal(
                (0, 0, 0, 0),
                (allocator.Ttys.Used, allocator.TcpPorts.Used, allocator.UdpPorts.Used, allocator.Gpus.Figures.Used));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }
}
