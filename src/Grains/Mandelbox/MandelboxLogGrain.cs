using System.Runtime.CompilerServices;
using System.Text;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox;

/// <summary>Reads what a mandelbox has written, for a gateway in any process.</summary>
[CollectionAgeLimit(Minutes = 2)]
public sealed class MandelboxLogGrain(
    HostInfoSource hostInfo, IContainerEngine engine, IMandelboxFiles files, IOptions<HostOptions> hostOptions) : Grain, IMandelboxLogGrain
{
    public async IAsyncEnumerable<byte[]> Read(
        int lines, bool follow, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var id = this.GetPrimaryKeyString();
        if (await GrainFactory.GetGrain<IMandelboxGrain>(id).Describe() is { } living)
        {
            var output = living.ContainerId is { } container
                ? engine.ReadOutputAsync(container, lines, follow, cancellationToken)
                : AsyncEnumerable.Empty<byte[]>();
            await foreach (var piece in output)
            {
                yield return piece;
            }

            yield break;
        }

        var host = GrainFactory.GetGrain<IHostGrain>(HostKeys.Host(hostInfo.Current.Identity.InstanceName));
        if (await host.FindEnded(id) is not { Mandelbox: var gone })
        {
            yield break;
        }

        var directory = new MandelboxPaths(hostOptions.Value.Root, id).Logs(gone.SessionId ?? 0);
        foreach (var file in await Task.Run(() => files.ReadTails(directory, lines), cancellationToken))
        {
            yield return Encoding.UTF8.GetBytes($"==> {file.Name} <==\n");
            yield return file.Content;
            yield return file.Content is [] or [.., (byte)'\n'] ? "\n"u8.ToArray() : "\n\n"u8.ToArray();
        }
    }
}
