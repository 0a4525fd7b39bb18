using System.Collections.Concurrent;
using HostService.Infrastructure.Linux.Systemd;
using Microsoft.Win32.SafeHandles;

namespace HostService.Tests.Support;

/// <summary>A store in memory, which hands over the very files that it was given.</summary>
public sealed class FakeDescriptorStore : IDescriptorStore
{
    private readonly ConcurrentDictionary<string, SafeFileHandle> _files = new(StringComparer.Ordinal);

    public ICollection<string> Names => _files.Keys;

    public void Store(string name, SafeFileHandle file) => _files[name] = file;

    public SafeFileHandle? Take(string name) => _files.GetValueOrDefault(name);

    public void Remove(string name) => _files.TryRemove(name, out _);

    public void RemoveUntaken() => throw new NotSupportedException("no test needs it");
}
