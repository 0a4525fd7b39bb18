using HostService.Gateway;
using HostService.Infrastructure.Linux;

namespace HostService.Silo.Hosting;

/// <summary>The host service of this machine, for processes that are clients of its silo.</summary>
internal static class LocalSilo
{
    private const string NoClients = "Orleans:ExternalClients is false, so 'host-service run' takes no clients from other processes; "
        + "set it to true for both commands.";

    /// <summary>Between two tries to connect; also how long the silo may take before a line says so.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    public static void AddLocalSilo(this IHostApplicationBuilder builder)
    {
        var orleans = builder.Configuration.ReadOrDefaults<OrleansOptions>("Orleans");
        builder.Services.AddValidatedOptions<OrleansOptions>("Orleans").Validate(o => o.ExternalClients, NoClients);
        builder.Services.AddValidatedOptions<HostOptions>(HostOptions.Section);
        builder.Services.AddSingleton<IHostName, ConfiguredHostName>();
        builder.UseOrleansClient(client => client
            .UseLocalhostClustering(orleans.GatewayPort)
            .UseConnectionRetryFilter(AgainAsync)

            // How soon a silo that has restarted is found again.
            .Configure<Orleans.Configuration.GatewayOptions>(gateways => gateways.GatewayListRefreshPeriod = RetryPause));
    }

    /// <summary>Null when the silo answers and all is started, else why not.</summary>
    /// <param name="explain">Says in words why the start failed, where it can.</param>
    public static async Task<string?> StartAsync(
        IHost app, OrleansOptions orleans, Func<Task, Task> explain, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(orleans.WaitForSilo);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        var start = app.StartAsync(either.Token);
        if (await Task.WhenAny(start, Task.Delay(RetryPause, CancellationToken.None)) != start)
        {
            await Console.Error.WriteLineAsync(
                $"host-service: waiting for the silo on port {orleans.GatewayPort}, for {orleans.WaitForSilo.TotalSeconds:0.#} s at most");
        }

        try
        {
            await explain(start);
            return null;
        }
        catch (Exception exception)
            when (exception is OrleansException || (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested))
        {
            return $"no silo answered on port {orleans.GatewayPort} of this machine within {orleans.WaitForSilo.TotalSeconds:0.#} s: "
                + "is 'host-service run' up, with Orleans:ExternalClients=true and the same Orleans:GatewayPort?";
        }
    }

    /// <summary>Tries again until the start is cancelled.</summary>
    private static async Task<bool> AgainAsync(Exception exception, CancellationToken cancellationToken)
    {
        await Task.Delay(RetryPause, cancellationToken);
        return true;
    }

    /// <summary>The name of the host whose silo this process is a client of.</summary>
    private sealed class ConfiguredHostName(IOptions<HostOptions> host) : IHostName
    {
        public string InstanceName { get; } = host.Value.LocalName;

        public IReadOnlyList<string> Addresses => [.. MachineAddresses.Read().Select(address => address.ToString())];
    }
}
