using System.Net;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

public sealed class ApiDocumentTests
{
    [Fact]
    public async Task The_document_of_a_service_with_the_dashboard_describes_the_service_and_not_the_dashboard()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await ServiceProcess.StartAsync(
            ServiceSettings.Local(instant.Endpoint, directory).With(("Dashboard__Enabled", "true")));
        using var dashboard = await service.Http.GetAsync("/dashboard");
        Assert.Equal(HttpStatusCode.OK, dashboard.StatusCode);

        var document = JsonNode.Parse(await service.Http.GetStringAsync("/openapi/v1.json"))!;

        Assert.Equal(
            ["Monitoring", "Operator", "Wire"],
            document["tags"]!.AsArray().Select(tag => (string)tag!["name"]!).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(
            document["paths"]!.AsObject(), path => path.Key.Contains("dashboard", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(service.Address, new Uri((string)document["servers"]![0]!["url"]!));
    }
}
