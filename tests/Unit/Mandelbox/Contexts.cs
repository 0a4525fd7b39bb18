using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Unit.Mandelbox;

/// <summary>Creates contexts for tests of steps.</summary>
internal static class Contexts
{
    public static MandelboxContext Create(
        string id = "m",
        SpinUpRequest? request = null,
        string root = "/fractal",
        TimeProvider? clock = null,
        MandelboxOptions? options = null) =>
        new(
            id,
            request ?? new SpinUpRequest("u", "app", "0123456789", 1),
            root,
            options ?? new MandelboxOptions(),
            clock ?? TimeProvider.System,
            NullLogger.Instance);
}
