using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace HostService.Bench;

/// <summary>The engine's HTTP API with nothing in between: what a start costs at least.</summary>
internal sealed class RawEngine : IDisposable
{
    private readonly HttpClient _http;

    public RawEngine(Uri endpoint) => _http = new HttpClient(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(endpoint.LocalPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = new Uri("http://engine"),
    };

    public async Task<string> DescribeAsync()
    {
        var info = await GetAsync("/info");
        return $"{(string)info["ServerVersion"]!}, {(string)info["Driver"]!}, cgroup v{(string)info["CgroupVersion"]!}";
    }

    public Task<JsonNode> InspectAsync(string name) => GetAsync($"/containers/{name}/json");

    public async Task<string> CreateAsync(string name, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await _http.PostAsync($"/containers/create?name={name}", content);
        var answer = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? (string)JsonNode.Parse(answer)!["Id"]! : throw new InvalidOperationException(answer);
    }

    public async Task StartAsync(string id)
    {
        using var response = await _http.PostAsync($"/containers/{id}/start", null);
        response.EnsureSuccessStatusCode();
    }

    /// <summary>With the grace that the service gives by default.</summary>
    public async Task StopAsync(string id)
    {
        using var response = await _http.PostAsync($"/containers/{id}/stop?t=10", null);
        response.EnsureSuccessStatusCode();
    }

    public async Task RemoveAsync(string id)
    {
        using var response = await _http.DeleteAsync($"/containers/{id}?force=true&v=true");
        response.EnsureSuccessStatusCode();
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonNode> GetAsync(string path) => JsonNode.Parse(await _http.GetStringAsync(path))!;
}
