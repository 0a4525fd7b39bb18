using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace HostService.Bench;

/// <summary>What was measured: one table, and as JSON with a description of the machine.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly List<Figure> _figures = [];

    /// <summary>By name, for example the engine.</summary>
    public Dictionary<string, string> Machine { get; } = Bench.Machine.Describe();

    public bool MeetsGoals => _figures.All(figure => figure.IsMet);

    /// <param name="of">What limits it, measured in the same run: the goal is then a ratio to it.</param>
    /// <param name="atMost">The goal, or null.</param>
    /// <param name="atLeast">The goal, or null.</param>
    public void Add(string what, double value, string unit, double? of = null, double? atMost = null, double? atLeast = null) =>
        _figures.Add(new Figure(what, value, unit, value / of, atMost, atLeast));

    public void Print()
    {
        var table = new Table().AddColumns("", "figure", "ratio", "goal", "");
        foreach (var figure in _figures)
        {
            table.AddRow(figure.What, figure.Text, $"{figure.Ratio:0.00}", figure.Goal, figure.IsMet ? "" : "missed");
        }

        AnsiConsole.Write(table);
        foreach (var (name, value) in Machine)
        {
            Console.WriteLine($"{name}: {value}");
        }
    }

    public void Write(string file) => File.WriteAllText(file, JsonSerializer.Serialize(new Saved(Machine, _figures), Json) + "\n");

    /// <summary>Prints the figures of two files side by side.</summary>
    public static void Compare(string before, string after)
    {
        var (a, b) = (Read(before), Read(after));
        var table = new Table().AddColumns("", before, after, "change", "ratio", "ratio");
        foreach (var what in a.Figures.Concat(b.Figures).Select(figure => figure.What).Distinct())
        {
            var (old, now) = (a.Figures.Find(figure => figure.What == what), b.Figures.Find(figure => figure.What == what));
            var change = now?.Value / old?.Value - 1;
            table.AddRow(what, old?.Text ?? "", now?.Text ?? "", $"{change:+0.0%;-0.0%}", $"{old?.Ratio:0.00}", $"{now?.Ratio:0.00}");
        }

        AnsiConsole.Write(table);
        foreach (var name in a.Machine.Keys.Union(b.Machine.Keys))
        {
            var (old, now) = (a.Machine.GetValueOrDefault(name), b.Machine.GetValueOrDefault(name));
            Console.WriteLine(old == now ? $"{name}: {old}" : $"{name}: {old} -> {now}");
        }
    }

    private static Saved Read(string file) => JsonSerializer.Deserialize<Saved>(File.ReadAllText(file), Json)!;

    private sealed record Saved(Dictionary<string, string> Machine, List<Figure> Figures);

    private sealed record Figure(string What, double Value, string Unit, double? Ratio, double? AtMost, double? AtLeast)
    {
        [JsonIgnore]
        public string Text => $"{Value.ToString(Value < 10 ? "0.00" : Value < 100 ? "0.0" : "0")} {Unit}";

        [JsonIgnore]
        public string Goal => AtMost is { } most ? $"<= {most:0.00}" : AtLeast is { } least ? $">= {least:0}" : "";

        [JsonIgnore]
        public bool IsMet => (Ratio ?? Value) is var counts && !(counts > AtMost) && !(counts < AtLeast);
    }
}
