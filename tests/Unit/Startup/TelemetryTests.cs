using System.Collections.Concurrent;
using System.Net;
using System.Reflection;
using System.Text;
using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Grains.Lifecycle;
using HostService.Silo.Reporting;
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
        var received = new ConcurrentDictionary<string, string>();
        await using var collector = await CollectorAsync(received);
        await using (var app = await ServiceAsync(collector.Urls.Single()))
        {
            app.Logger.LogWarning("A line for the collector");
            LifecycleActivity.StartTrace("spin up", "box-1")!.Dispose();
        }

        Assert.Equal(["/v1/logs", "/v1/metrics", "/v1/traces"], received.Keys.Order(StringComparer.Ordinal));
        Assert.Contains("A line for the collector", received["/v1/logs"], StringComparison.Ordinal);
        Assert.Contains("host_service.up", received["/v1/metrics"], StringComparison.Ordinal);
        Assert.Contains("spin up", received["/v1/traces"], StringComparison.Ordinal);
        Assert.All(received.Values, body => Assert.Contains("host-service", body, StringComparison.Ordinal));
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

    private static async Task<WebApplication> CollectorAsync(ConcurrentDictionary<string, string> received)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            // Protobuf has strings as they are; Latin-1 keeps every byte.
            received.AddOrUpdate(context.Request.Path, _ => Text(body), (_, before) => before + Text(body));
        });
        await app.StartAsync();
        return app;
    }

    private static string Text(MemoryStream body) => Encoding.Latin1.GetString(body.ToArray());

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
