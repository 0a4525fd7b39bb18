using System.Net;
using Docker.DotNet;
using Docker.DotNet.Models;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Docker;

/// <summary>The engine behind the socket, through Docker.DotNet. Every call has a deadline, and says in one sentence what failed.</summary>
internal sealed class DockerEngine(IOptions<DockerOptions> options, TimeProvider timeProvider, ILogger<DockerEngine> log) : IContainerEngine, IDisposable
{
    /// <summary>The engine sometimes cannot unmount at once what a container that just ended had in use.</summary>
    private const int RemovalTries = 3;

    private static readonly TimeSpan RemovalPause = TimeSpan.FromMilliseconds(100);
    private readonly DockerOptions _options = options.Value;
    private readonly EngineConnection _connection = new(options);
    private volatile EngineInfo? _info;

    public void Dispose() => _connection.Dispose();

    public async Task<EngineInfo> PingAsync(CancellationToken cancellationToken)
    {
        var known = _info;
        // Forgotten until it answers: an engine that was away may have come back with other runtimes.
        _info = null;
        return await CallAsync("reach the container engine", _options.CallTimeout, async (_, token) =>
        {
            var (client, engine, api) = await _connection.RenewAsync(token);
            return _info = known is not null && known.Version == engine && known.ApiVersion == api.ToString()
                ? known
                : DockerAnswers.Describe(engine, api, await client.System.GetSystemInfoAsync(token));
        }, cancellationToken);
    }

    public Task<string?> FindImageAsync(IReadOnlyList<string> patterns, CancellationToken cancellationToken) =>
        CallAsync("list the images", _options.CallTimeout, async (client, token) =>
        {
            var images = await client.Images.ListImagesAsync(new ImagesListParameters(), token);
            var tags = images.SelectMany(i => i.RepoTags ?? []).ToArray();
            return patterns
                .Select(pattern => Array.Find(tags, tag => tag.Contains(pattern, StringComparison.Ordinal)))
                .FirstOrDefault(found => found is not null);
        }, cancellationToken);

    public Task<string> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken)
    {
        var what = $"create the container {spec.Name} from {spec.Image}";
        return CallAsync(what, _options.SlowCallTimeout, async (client, token) =>
        {
            try
            {
                return (await client.Containers.CreateContainerAsync(DockerRequests.Create(spec), token)).ID;
            }
            catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
            {
                throw EngineErrors.Failed(EngineFailure.NameTaken, what, EngineErrors.Words(e), e);
            }
        }, cancellationToken);
    }

    public Task StartAsync(string containerId, CancellationToken cancellationToken) =>
        OnContainerAsync("start", containerId, _options.SlowCallTimeout, (client, token) =>
            client.Containers.StartContainerAsync(containerId, new ContainerStartParameters(), token), cancellationToken);

    public async Task StopAsync(string containerId, TimeSpan grace, CancellationToken cancellationToken)
    {
        // A zero would be left out of the request, and then the engine waits its own ten seconds.
        var seconds = (uint)Math.Ceiling(Math.Clamp(grace.TotalSeconds, 0, 86_400));
        try
        {
            await OnContainerAsync("stop", containerId, grace + _options.CallTimeout, (client, token) => seconds == 0
                ? KillAsync(client, containerId, token)
                : client.Containers.StopContainerAsync(containerId, new ContainerStopParameters { WaitBeforeKillSeconds = seconds }, token), cancellationToken);
        }
        catch (ContainerEngineException e) when (e.Failure == EngineFailure.NotFound)
        {
            // What is not there has been stopped.
        }
    }

    public async Task RemoveAsync(string containerId, CancellationToken cancellationToken)
    {
        try
        {
            await OnContainerAsync("remove", containerId, _options.SlowCallTimeout, (client, token) => RemoveAsync(client, containerId, token), cancellationToken);
        }
        catch (ContainerEngineException e) when (e.Failure == EngineFailure.NotFound)
        {
            // What is not there has been removed.
        }
    }

    public async Task<ContainerDescription?> InspectAsync(string containerIdOrName, CancellationToken cancellationToken)
    {
        if (!ContainerNames.IsIdOrName(containerIdOrName))
        {
            return null;
        }

        try
        {
            return await CallAsync($"inspect the container {containerIdOrName}", _options.CallTimeout, async (client, token) =>
                DockerAnswers.Describe(await client.Containers.InspectContainerAsync(containerIdOrName, token)), cancellationToken);
        }
        catch (ContainerEngineException e) when (e.Failure == EngineFailure.NotFound)
        {
            return null;
        }
    }

    public Task<IReadOnlyList<ContainerDescription>> ListAsync(IReadOnlyDictionary<string, string> labels, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<ContainerDescription>>("list the containers", _options.CallTimeout, async (client, token) =>
        {
            var listed = await client.Containers.ListContainersAsync(DockerRequests.List(labels), token);
            return [.. listed.Select(DockerAnswers.Describe)];
        }, cancellationToken);

    public async Task<IContainerEventSubscription> WatchAsync(DateTimeOffset? since, CancellationToken cancellationToken) =>
        await CallAsync("watch the engine's events", _options.CallTimeout, async (client, token) =>
        {
#pragma warning disable CS0618 // Advised against for the overload that reads the JSON itself: one event that it cannot read ends or hangs that one, and it does not tell when the engine has accepted.
            var stream = await client.System.MonitorEventsAsync(DockerRequests.Events(since), token);
#pragma warning restore CS0618
            return new DockerEventSubscription(stream, log);
        }, cancellationToken);

    private static async Task<bool> KillAsync(IDockerClient client, string containerId, CancellationToken cancellationToken)
    {
        try
        {
            await client.Containers.KillContainerAsync(containerId, new ContainerKillParameters { Signal = "KILL" }, cancellationToken);
        }
        catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // It does not run.
            return false;
        }

        await client.Containers.WaitContainerAsync(containerId, cancellationToken);
        return true;
    }

    private async Task<bool> RemoveAsync(IDockerClient client, string containerId, CancellationToken cancellationToken)
    {
        var pause = RemovalPause;
        for (var tries = 1; ; pause *= 2)
        {
            try
            {
                await client.Containers.RemoveContainerAsync(
                    containerId, new ContainerRemoveParameters { Force = true, RemoveVolumes = true }, cancellationToken);
                return true;
            }
            catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
            {
                // Somebody else is removing it: it is gone once the engine no longer knows it, or the deadline ends the wait.
            }
            catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.InternalServerError && tries++ < RemovalTries)
            {
                // Busy; the last try's error is the caller's.
            }

            await Task.Delay(pause, timeProvider, cancellationToken);
        }
    }

    private Task<bool> OnContainerAsync(
        string verb, string containerId, TimeSpan deadline, Func<IDockerClient, CancellationToken, Task<bool>> call, CancellationToken cancellationToken)
    {
        var what = $"{verb} the container {containerId}";
        return ContainerNames.IsIdOrName(containerId)
            ? CallAsync(what, deadline, call, cancellationToken)
            : throw EngineErrors.Failed(EngineFailure.NotFound, $"{verb} a container", "that is no container's id or name");
    }

    private async Task<T> CallAsync<T>(
        string what, TimeSpan deadline, Func<IDockerClient, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(deadline, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await call(await _connection.ClientAsync(either.Token), either.Token);
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is not ContainerEngineException)
        {
            throw new OperationCanceledException($"Gave up to {what}.", e, cancellationToken);
        }
        catch (Exception e) when (limit.IsCancellationRequested && e is not ContainerEngineException)
        {
            throw EngineErrors.TimedOut(what, deadline, e);
        }
        catch (Exception e)
        {
            throw EngineErrors.Translate(what, e);
        }
    }
}
