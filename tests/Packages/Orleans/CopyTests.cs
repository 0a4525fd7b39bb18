using System.Collections.Immutable;

namespace HostService.Tests.Packages.Orleans;

[GenerateSerializer]
public class Box
{
    [Id(0)] public List<int> Numbers { get; set; } = [];

    [Id(1)] public Box? Inner { get; set; }

    [Id(2)] public Dictionary<string, int[]> Map { get; init; } = [];
}

[GenerateSerializer]
public sealed class LabelledBox : Box
{
    [Id(0)] public string Label { get; set; } = "";
}

[GenerateSerializer, Immutable]
public sealed record Sealed([property: Id(0)] List<int> Numbers);

[GenerateSerializer]
public sealed record Open([property: Id(0)] string Name, [property: Id(1)] List<int> Numbers);

[GenerateSerializer]
public struct Pair
{
    [Id(0)] public int Number { get; set; }
    [Id(1)] public List<int> Numbers { get; set; }
}

/// <summary>Not marked: may not cross a call.</summary>
public sealed class Unmarked;

public interface IKeepGrain : IGrainWithStringKey
{
    Task Keep(Box box);

    Task<Box> Kept();

    Task Change();

    Task KeepObject(object value);

    Task<object> KeptObject();
}

public sealed class KeepGrain : Grain, IKeepGrain
{
    private Box _box = new();
    private object _object = "";

    public Task Keep(Box box)
    {
        _box = box;
        return Task.CompletedTask;
    }

    public Task<Box> Kept() => Task.FromResult(_box);

    public Task Change()
    {
        _box.Numbers.Add(99);
        return Task.CompletedTask;
    }

    public Task KeepObject(object value)
    {
        _object = value;
        return Task.CompletedTask;
    }

    public Task<object> KeptObject() => Task.FromResult(_object);
}

public sealed class CopyTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly IKeepGrain _grain = cluster.Grains.GetGrain<IKeepGrain>(Guid.NewGuid().ToString("N"));

    [Fact]
    public async Task What_a_caller_changes_after_the_call_the_grain_does_not_see()
    {
        var box = new Box { Numbers = [1], Map = { ["a"] = [1] }, Inner = new Box { Numbers = [2] } };
        await _grain.Keep(box);
        box.Numbers.Add(7);
        box.Map["a"][0] = 7;
        box.Inner.Numbers.Add(7);
        var kept = await _grain.Kept();
        Assert.Equal([1], kept.Numbers);
        Assert.Equal([1], kept.Map["a"]);
        Assert.Equal([2], kept.Inner!.Numbers);
    }

    [Fact]
    public async Task A_result_is_a_copy_too()
    {
        await _grain.Keep(new Box { Numbers = [1] });
        var first = await _grain.Kept();
        first.Numbers.Add(7);
        await _grain.Change();
        Assert.Equal([1, 99], (await _grain.Kept()).Numbers);
    }

    [Fact]
    public async Task A_derived_type_stays_what_it_is_and_keeps_what_its_base_has()
    {
        await _grain.Keep(new LabelledBox { Label = "l", Numbers = [4] });
        var kept = Assert.IsType<LabelledBox>(await _grain.Kept());
        Assert.Equal("l", kept.Label);
        Assert.Equal([4], kept.Numbers);
    }

    [Fact]
    public async Task A_circle_is_still_a_circle()
    {
        var box = new Box();
        box.Inner = new Box { Inner = box };
        await _grain.Keep(box);
        var kept = await _grain.Kept();
        Assert.Same(kept, kept.Inner!.Inner);
        Assert.NotSame(box, kept);
    }

    [Fact]
    public async Task Records_keep_their_values()
    {
        await _grain.KeepObject(new Open("n", [1, 2]));
        var kept = Assert.IsType<Open>(await _grain.KeptObject());
        Assert.Equal("n", kept.Name);
        Assert.Equal([1, 2], kept.Numbers);
    }

    [Fact]
    public async Task A_structure_is_copied_with_what_it_leads_to()
    {
        var numbers = new List<int> { 1 };
        await _grain.KeepObject(new Pair { Number = 3, Numbers = numbers });
        numbers.Add(2);
        var kept = Assert.IsType<Pair>(await _grain.KeptObject());
        Assert.Equal(3, kept.Number);
        Assert.Equal([1], kept.Numbers);
    }

    [Fact]
    public async Task An_unmarked_type_is_refused()
    {
        var exception = await Record.ExceptionAsync(() => _grain.KeepObject(new Unmarked()));
        Assert.NotNull(exception);
        Assert.Contains(nameof(Unmarked), exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Values))]
    public async Task Values_arrive_equal(object value)
    {
        await _grain.KeepObject(value);
        Assert.Equal(value, await _grain.KeptObject());
    }

    public static TheoryData<object> Values() =>
    [
        1, "text", 2.5m, Guid.Parse("9d3e1f60-0000-0000-0000-000000000001"), DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(3), new Uri("http://x/"), DayOfWeek.Friday,
        new[] { 1, 2 }, new int[,] { { 1, 2 }, { 3, 4 } }, new List<string> { "a" }, new Dictionary<string, List<int>> { ["a"] = [1] }, new HashSet<int> { 1 },
        new Queue<int>([1, 2]), new Stack<int>([1, 2]), new SortedDictionary<int, string> { [1] = "a" }, (1, "two"), Tuple.Create(1, "two"),
        ImmutableArray.Create(1, 2), ImmutableList.Create("a"), ImmutableDictionary<string, int>.Empty.Add("a", 1), KeyValuePair.Create(1, "a"),
        new Version(1, 2), System.Net.IPAddress.Loopback, typeof(string), (int?)5, new byte[] { 1, 2, 3 },
    ];

    [Fact]
    public async Task Stacks_keep_their_order()
    {
        await _grain.KeepObject(new Stack<int>([1, 2, 3]));
        Assert.Equal([3, 2, 1], (Stack<int>)await _grain.KeptObject());
    }

    [Fact]
    public async Task A_dictionary_keeps_its_comparer()
    {
        await _grain.KeepObject(new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase) { ["a"] = 1 });
        Assert.Equal(1, ((Dictionary<string, int>)await _grain.KeptObject())["A"]);
    }
}
