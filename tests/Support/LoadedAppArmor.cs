using HostService.Infrastructure.Linux.AppArmor;

namespace HostService.Tests.Support;

/// <summary>A kernel with AppArmor, and a profile that loads.</summary>
public sealed class LoadedAppArmor : IAppArmor
{
    public string? Unavailable => null;

    public bool? IsLoaded => true;

    public Task LoadAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
