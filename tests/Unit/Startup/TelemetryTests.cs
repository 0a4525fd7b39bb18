using System.Net;
using System.Reflection;
using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Grains.Lifecycle;
using HostService.Silo.Reporting;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Unit.Startup;

public sealed class TelemetryTests
{
    [Fact]
    public async Task A_collector_gets_metrics_logs_and_traces()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using (var app = await ServiceAsync(collector.Endpoint))
        {
            app.Logger.LogWarning("A line for the collector");
            LifecycleActivity.StartTrace("spin up", "box-1")!.Dispose();
        }

        Assert.Contains(collector.Lines, line => line is { Severity: "Warning", Text: "A line for the collector" });
        Assert.Contains(collector.Metrics, metric => metric.Name == "host_service.up");
        Assert.Contains(collector.Spans, span => span.Name == "spin up" && span.Attributes["mandelbox.id"] == "box-1");
        Assert.Equal(3, collector.Resources.Count);
        Assert.All(collector.Resources, resource => Assert.Equal("host-service", resource["service.name"]));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("http://127.0.0.1:4318", 0)]
    [InlineData("https://collector.example/otlp", 0)]
    [InlineData("collector:4317", 1)]
    [InlineData("not a url", 1)]
    public void An_endpoint_is_an_http_url(string endpoint, int faults) =>
        Assert.Equal(faults, new TelemetryOptions { OtlpEndpoint = endpoint }.Validate().Count());

    private static async Task<WebApplication> ServiceAsync(string endpoint)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection([new("Telemetry:OtlpEndpoint", endpoint)]);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton(DispatchProxy.Create<IGrainFactory, NoGrains>());
        builder.AddTelemetry();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IHostName, NoName>();
        builder.Services.AddGateway(HostEnvironment.LocalDev);
        var app = builder.Build();
        await app.StartAsync();
        return app;
    }

    /// <summary>No grain answers.</summary>
    public class NoGrains : DispatchProxy
    {
        protected override object Invoke(MethodInfo? targetMethod, object?[]? args) => throw new NotSupportedException();
    }

    private sealed class NoName : IHostName
    {
        public string InstanceName => "nobody";
    }
}
