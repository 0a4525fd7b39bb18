namespace HostService.Infrastructure.Linux.AppArmor;

/// <summary>Confines mandelboxes by the kernel's AppArmor (B3).</summary>
public interface IAppArmor
{
    /// <summary>
    /// Whether this machine can confine: null, or why not (no AppArmor in the kernel, no parser). A container that names a profile then fails to start, so
    /// leave <see cref="AppArmorProfile.SecurityOption"/> out.
    /// </summary>
    string? Unavailable { get; }

    /// <summary>Loads the profile of mandelboxes into the kernel, in place of an earlier one. Throws <see cref="AppArmorException"/>.</summary>
    Task LoadAsync(CancellationToken cancellationToken);
}

/// <summary>The profile of mandelboxes.</summary>
public static class AppArmorProfile
{
    public const string Name = "mandelbox-apparmor-profile";

    /// <summary>What a container is created with to be confined by it (B17).</summary>
    public const string SecurityOption = $"apparmor:{Name}";

    /// <summary>The profile's text, as it lies in <c>deploy/apparmor</c>.</summary>
    public static string Text { get; } = Read();

    private static string Read()
    {
        using var reader = new StreamReader(typeof(AppArmorProfile).Assembly.GetManifestResourceStream(Name)
            ?? throw new InvalidOperationException($"The resource {Name} is missing from {typeof(AppArmorProfile).Assembly.GetName().Name}."));
        return reader.ReadToEnd();
    }
}

/// <summary>The profile could not be loaded; the message holds the parser's own words.</summary>
public sealed class AppArmorException(string message, Exception? inner = null) : Exception(message, inner);
