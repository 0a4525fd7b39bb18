using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace HostService.Tests.Support;

/// <summary>When the containers of an engine came and went, from its events.</summary>
public sealed class EngineHistory : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ContainerLife> _lives = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _engine;
    private readonly Task _reading;

    private EngineHistory(HttpClient engine, StreamReader events)
    {
        _engine = engine;
        _reading = ReadAsync(events);
    }

    /// <summary>All containers so far, also those that have gone.</summary>
    public IReadOnlyList<ContainerLife> Lives
    {
        get
        {
            lock (_gate)
            {
                return [.. _lives.Values];
            }
        }
    }

    /// <param name="engine">A unix socket.</param>
    public static async Task<EngineHistory> StartAsync(Uri engine)
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(engine.LocalPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        return new EngineHistory(client, new StreamReader(await client.GetStreamAsync(new Uri("http://engine/events"))));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading;
        _engine.Dispose();
        _stop.Dispose();
    }

    /// <summary>Until it is disposed, or the engine ends.</summary>
    private async Task ReadAsync(StreamReader events)
    {
        try
        {
            using (events)
            {
                while (await events.ReadLineAsync(_stop.Token) is { } line)
                {
                    Add(JsonNode.Parse(line)!);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody reads it any longer.
        }
    }

    private void Add(JsonNode told)
    {
        if ((string?)told["Type"] != "container")
        {
            return;
        }

        var id = (string)told["Actor"]!["ID"]!;
        var at = DateTimeOffset.UnixEpoch.AddTicks((long)told["timeNano"]! / TimeSpan.NanosecondsPerTick);
        lock (_gate)
        {
            var life = _lives.GetValueOrDefault(id) ?? new ContainerLife((string)told["Actor"]!["Attributes"]!["name"]!, at);
            _lives[id] = (string?)told["Action"] switch
            {
                "start" => life with { StartedAt = at },
                "die" => life with { DiedAt = at },
                "destroy" => life with { DestroyedAt = at },
                _ => life,
            };
        }
    }
}

/// <summary>When a container was what; null for what it has not been.</summary>
public sealed record ContainerLife(string Name, DateTimeOffset CreatedAt)
{
    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? DiedAt { get; init; }

    public DateTimeOffset? DestroyedAt { get; init; }
}
