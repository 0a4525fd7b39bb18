using FsCheck;
using FsCheck.Fluent;
using HostService.GrainInterfaces;
using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

/// <summary>Random operations on a GPU pool, compared with a simple model.</summary>
public sealed class GpuPoolPropertyTests
{
    private const int Owners = 40;

    private enum Verb
    {
        Place,
        Release,
        Sicken,
        Heal,
    }

    [Fact]
    public void Load_never_differs_by_more_than_one_between_healthy_gpus_of_equal_size()
    {
        var inputs = Arb.From(Gen.Choose(1, 16).Zip(Gen.Choose(1, 8), (gpus, perGpu) => (Gpus: gpus, PerGpu: perGpu)));
        Prop.ForAll(inputs, input =>
        {
            var pool = new GpuPool(Enumerable.Range(0, input.Gpus), input.PerGpu, cpuOnlySlots: 0);
            for (var i = 0; i < (input.Gpus * input.PerGpu) + 1; i++)
            {
                var placed = pool.TryPlace($"m{i}", out _, out _);
                var loads = pool.Describe().Select(g => g.Used).ToList();
                Assert.Equal(i < input.Gpus * input.PerGpu, placed);
                Assert.InRange(loads.Max() - loads.Min(), 0, 1);
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void In_any_order_no_unhealthy_gpu_gets_a_mandelbox_none_gets_too_many_and_nothing_leaks() => Prop.ForAll(Lives(), life =>
    {
        var (gpus, perGpu, steps) = life;
        var pool = new GpuPool(Enumerable.Range(0, gpus), perGpu, cpuOnlySlots: 0);
        var holds = new Dictionary<int, int>();
        var sick = new HashSet<int>();
        foreach (var (verb, subject) in steps)
        {
            var owner = subject % Owners;
            var gpu = subject % gpus;
            switch (verb)
            {
                case Verb.Place:
                    var loads = Loads(holds, gpus);
                    var open = Enumerable.Range(0, gpus).Where(g => !sick.Contains(g) && loads[g] < perGpu).ToList();
                    int? expected = holds.TryGetValue(owner, out var held) ? held
                        : open.Count == 0 ? null
                        : open.OrderBy(g => loads[g]).ThenBy(g => g).First();
                    Assert.Equal(expected, pool.TryPlace($"m{owner}", out var given, out var refusal) ? given : null);
                    Assert.Equal(expected is null, refusal is not null);
                    if (expected is { } index)
                    {
                        holds[owner] = index;
                    }

                    break;
                case Verb.Release:
                    Assert.Equal(holds.Remove(owner), pool.Release($"m{owner}"));
                    break;
                case Verb.Sicken:
                    sick.Add(gpu);
                    pool.Update(Descriptions(gpus, sick));
                    break;
                default:
                    sick.Remove(gpu);
                    pool.Update(Descriptions(gpus, sick));
                    break;
            }

            Assert.Equal(Loads(holds, gpus), pool.Describe().Select(g => g.Used));
            Assert.Equal(holds.Count, pool.Figures.Used);
            Assert.Equal(Loads(holds, gpus).Where((used, g) => !sick.Contains(g)).Sum(used => perGpu - used), pool.Figures.Free);
        }

        foreach (var owner in holds.Keys)
        {
            pool.Release($"m{owner}");
        }

        Assert.Equal(0, pool.Figures.Used);
        Assert.All(pool.Describe(), g => Assert.Equal(0, g.Used));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_order_of_ids_is_irrelevant() => Prop.ForAll(Arb.From(Gen.Shuffle(Enumerable.Range(0, 12).ToArray())), order =>
    {
        var pool = new GpuPool([0, 1, 2, 3], perGpu: 3, cpuOnlySlots: 0);
        var given = order.Select(id => pool.TryPlace($"m{id}", out var gpu, out _) ? gpu : -2);

        Assert.Equal([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], given);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Every_cpu_only_slot_is_given() => Prop.ForAll(Arb.From(Gen.Choose(0, 54)), slots =>
    {
        var pool = new GpuPool([], perGpu: 2, slots);

        Assert.Equal(slots, Enumerable.Range(0, 60).Count(i => pool.TryPlace($"m{i}", out _, out _)));
        Assert.Equal(slots, Enumerable.Range(0, 60).Count(i => pool.Release($"m{i}")));
        Assert.Equal(new PoolFigures(slots, 0), pool.Figures);
    }).QuickCheckThrowOnFailure();

    private static int[] Loads(Dictionary<int, int> holds, int gpus) =>
        [.. Enumerable.Range(0, gpus).Select(g => holds.Values.Count(h => h == g))];

    private static List<GpuDescription> Descriptions(int gpus, HashSet<int> sick) =>
    [
        .. Enumerable.Range(0, gpus)
            .Select(i => new GpuDescription { Index = i, Name = "T4", Uuid = $"GPU-{i}", Unhealthy = sick.Contains(i) ? "sick" : null }),
    ];

    private static Arbitrary<(int Gpus, int PerGpu, (Verb Verb, int Subject)[] Steps)> Lives()
    {
        // Placing is drawn more often than the rest, or the pool would never be full.
        var step = Gen.Elements(Verb.Place, Verb.Place, Verb.Place, Verb.Release, Verb.Sicken, Verb.Heal)
            .Zip(Gen.Choose(0, 999), (verb, subject) => (verb, subject));
        return Arb.From(Gen.Choose(1, 8).Zip(Gen.Choose(1, 4))
            .SelectMany(size => Gen.Resize(step.ArrayOf(), 200).Select(steps => (size.Item1, size.Item2, steps))));
    }
}
