using System.Diagnostics;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Spectre.Console;

namespace HostService.Bench;

/// <summary>
/// What a call to an active grain costs beyond the same method called on the object: one caller that awaits call after call. The cost is
/// Orleans' own, so it has no bound here.
/// </summary>
internal static class GrainCalls
{
    private const int Calls = 200_000;
    private const int Rounds = 9;

    public static async Task<int> Run(string[] args)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UseLocalhostClustering());
        using var host = builder.Build();
        await host.StartAsync();
        var grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IEchoGrain>(1);
        var plain = new EchoGrainAsObject();
        var record = new EchoRecord("text", 7);

        var table = new Table().AddColumns("call", "µs (median)", "µs (best)", "bytes", "object: ns");
        await Row(table, "Task<int> Echo(int)", () => grain.Echo(1), () => plain.Echo(1));
        await Row(table, "ValueTask<int> Value(int)", () => grain.Value(1).AsTask(), () => plain.Value(1).AsTask());
        await Row(table, "Task<record> (immutable)", () => grain.Pass(record), () => plain.Pass(record));
        await Row(table, "Task Nothing()", () => grain.Nothing(), () => plain.Nothing());
        await Row(table, "Task Yields() (turn of two)", () => grain.Yields(), () => plain.Yields());
        AnsiConsole.Write(table);

        var orleans = typeof(IGrain).Assembly.GetName().Name;
        var version = typeof(IGrain).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        Console.WriteLine($"{orleans} {version}, {Environment.ProcessorCount} cores, {Rounds} rounds of {Calls:N0} calls, one caller");
        await host.StopAsync();
        return 0;
    }

    private static async Task Row(Table table, string name, Func<Task> call, Func<Task> direct)
    {
        await Measure(direct, Calls);
        await Measure(call, Calls);
        var asObject = new List<double>();
        var asGrain = new List<double>();
        var bytes = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            // Side by side, so that whatever else the machine does hits both.
            var (directTime, directBytes) = await Measure(direct, Calls);
            var (grainTime, grainBytes) = await Measure(call, Calls);
            asObject.Add(directTime);
            asGrain.Add(grainTime);
            bytes.Add(grainBytes - directBytes);
        }

        var (median, best, allocated) = (Median(asGrain) - Median(asObject), asGrain.Min() - asObject.Min(), Median(bytes));
        table.AddRow(name, $"{median * 1e6:0.00}", $"{best * 1e6:0.00}", $"{allocated:0}", $"{Median(asObject) * 1e9:0}");
    }

    private static async Task<(double Seconds, double Bytes)> Measure(Func<Task> call, int count)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            await call();
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        return (elapsed.TotalSeconds / count, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)count);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
