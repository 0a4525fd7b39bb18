using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace HostService.Bench;

/// <summary>
/// What the service adds to a container's start: (a) create and start through the raw engine API, (b) the same container through <c>PUT
/// /spin_up_mandelbox</c>, interleaved in one run. What is measured is removed again outside of the timed part. Goal: (b) at most 1.10 of
/// (a).
/// </summary>
internal static class SpinUp
{
    private const int WarmUp = 5;
    private const double Goal = 1.10;

    public static async Task<int> Run(string[] args)
    {
        var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 40;
        var endpoint = new Uri(Environment.GetEnvironmentVariable("Docker__Endpoint") ?? "unix:///var/run/docker.sock");
        using var engine = new RawEngine(endpoint);
        await using var service = await ServiceUnderMeasure.StartAsync(endpoint);

        // The container to compare with is one of the service's own, told by the engine, and lives as long as the run does.
        await service.SpinUpAsync("model");
        var model = new ModelContainer(await engine.InspectAsync("mandelboxes-demo-model"), service.Root);

        var raw = new List<double>();
        var spinUp = new List<double>();
        for (var round = -WarmUp; round < rounds; round++)
        {
            // The order changes from round to round, so that neither always follows the other's clean-up.
            var first = round % 2 == 0 ? await RawAsync(engine, model, round) : await SpinUpAsync(service, round);
            var second = round % 2 == 0 ? await SpinUpAsync(service, round) : await RawAsync(engine, model, round);
            if (round >= 0)
            {
                raw.Add(round % 2 == 0 ? first : second);
                spinUp.Add(round % 2 == 0 ? second : first);
            }
        }

        var table = new Table().AddColumns("", "median ms", "best", "90 %");
        table.AddRow("(a) raw engine API: create, start", $"{At(raw, 0.5):0.0}", $"{raw.Min():0.0}", $"{At(raw, 0.9):0.0}");
        table.AddRow("(b) PUT /spin_up_mandelbox", $"{At(spinUp, 0.5):0.0}", $"{spinUp.Min():0.0}", $"{At(spinUp, 0.9):0.0}");
        AnsiConsole.Write(table);
        var ratio = At(spinUp, 0.5) / At(raw, 0.5);
        Console.WriteLine($"{rounds} rounds each, interleaved, after {WarmUp} of warm-up; engine {await engine.VersionAsync()}, "
            + $"{Environment.ProcessorCount} cores");
        Console.WriteLine($"ratio of medians: {ratio:0.000} (goal: at most {Goal:0.00})");
        return ratio <= Goal ? 0 : 1;
    }

    private static async Task<double> RawAsync(RawEngine engine, ModelContainer model, int round)
    {
        var name = $"bench-raw-{Environment.ProcessId}-{round + WarmUp}";
        var body = model.For(name);
        var began = Stopwatch.GetTimestamp();
        var id = await engine.CreateAsync(name, body);
        await engine.StartAsync(id);
        var took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        await engine.RemoveAsync(id);
        return took;
    }

    private static async Task<double> SpinUpAsync(ServiceUnderMeasure service, int round)
    {
        var id = $"bench-{round + WarmUp}";
        var began = Stopwatch.GetTimestamp();
        await service.SpinUpAsync(id);
        var took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        await service.StopAsync(id);
        return took;
    }

    private static double At(List<double> values, double part) => values.Order().ElementAt((int)(values.Count * part));
}

/// <summary>Makes request bodies for containers like one that the engine has described.</summary>
internal sealed class ModelContainer(JsonNode described, string root)
{
    private int _port = 49151;

    /// <summary>
    /// The body for such a container: with directories of its own, on host ports that the service never gives, and without its labels.
    /// </summary>
    public string For(string name)
    {
        var config = described["Config"]!.DeepClone().AsObject();
        config["Hostname"] = "";
        config["Labels"] = new JsonObject();
        var host = described["HostConfig"]!.DeepClone().AsObject();
        host["Binds"] = new JsonArray([.. host["Binds"]!.AsArray().Select(b => Own((string)b!, name))]);
        foreach (var binding in host["PortBindings"]!.AsObject())
        {
            _port = _port == 65000 ? 49151 : _port + 1;
            binding.Value![0]!["HostPort"] = $"{_port}";
        }

        config["HostConfig"] = host;
        return config.ToJsonString();
    }

    private JsonNode Own(string bind, string name)
    {
        if (!bind.StartsWith(root, StringComparison.Ordinal))
        {
            return bind;
        }

        var own = bind.Replace("/model/", $"/{name}/", StringComparison.Ordinal);
        Directory.CreateDirectory(own.Split(':')[0]);
        return own;
    }
}
