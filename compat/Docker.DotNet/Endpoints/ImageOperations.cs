using Docker.DotNet.Models;

namespace Docker.DotNet;

internal sealed class ImageOperations(DockerClient client) : IImageOperations
{
    public async Task<IList<ImagesListResponse>> ListImagesAsync(ImagesListParameters parameters, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return await client.AskAsync<ImagesListResponse[]>(
            HttpMethod.Get, "images/json", parameters, null, NotFound.IsAnError, cancellationToken).ConfigureAwait(false);
    }

    public Task<ImageInspectResponse> InspectImageAsync(string name, CancellationToken cancellationToken = default) =>
        client.AskAsync<ImageInspectResponse>(HttpMethod.Get, Path(name, "/json"), null, null, NotFound.IsAnImage, cancellationToken);

    public Task TagImageAsync(string name, ImageTagParameters parameters, CancellationToken cancellationToken = default)
    {
        var path = Path(name, "/tag");
        ArgumentNullException.ThrowIfNull(parameters);
        return client.AskAsync(HttpMethod.Post, path, parameters, null, NotFound.IsAnImage, null, cancellationToken);
    }

    public async Task<IList<IDictionary<string, string>>> DeleteImageAsync(
        string name, ImageDeleteParameters parameters, CancellationToken cancellationToken = default)
    {
        var path = Path(name, "");
        ArgumentNullException.ThrowIfNull(parameters);
        return await client.AskAsync<Dictionary<string, string>[]>(
            HttpMethod.Delete, path, parameters, null, NotFound.IsAnImage, cancellationToken).ConfigureAwait(false);
    }

    private static string Path(string name, string verb) =>
        string.IsNullOrEmpty(name) ? throw new ArgumentNullException(nameof(name)) : $"images/{name}{verb}";
}
