namespace HostService.Infrastructure.Input;

/// <summary>Makes virtual keyboards and pointers (B13).</summary>
public interface IInputDevices
{
    /// <summary>Null where this machine can make them, else why not (no uinput in the kernel, no permission).</summary>
    string? Unavailable { get; }

    /// <summary>
    /// Makes three devices (absolute pointer, mouse, keyboard) or none. Their descriptors are offered on a unix socket to the first client,
    /// in one <c>SCM_RIGHTS</c> message in that order. Throws <see cref="InputDeviceException"/>.
    /// </summary>
    /// <param name="mandelboxId">Whose they are, for the run that takes them over.</param>
    /// <param name="socketPath">An old socket there is replaced.</param>
    Task<IInputDeviceSet> CreateAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken);

    /// <summary>
    /// The devices that an earlier run made for this mandelbox, offered again on the socket; null where systemd has not kept them.
    /// Throws <see cref="InputDeviceException"/>.
    /// </summary>
    Task<IInputDeviceSet?> TakeOverAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken);

    /// <summary>
    /// Passes the devices of one mandelbox on to another; null where the first one has none. The directory of their socket has been moved.
    /// </summary>
    IInputDeviceSet? PassOn(string mandelboxId, string toMandelboxId, string socketPath);
}

/// <summary>The three devices of one mandelbox. Disposing removes them and closes the socket; it may be repeated.</summary>
public interface IInputDeviceSet : IAsyncDisposable
{
    /// <summary><c>/dev/input/eventN</c>, in the order absolute, relative, keyboard.</summary>
    IReadOnlyList<string> DeviceNodes { get; }
}

/// <summary>The devices could not be made; the message says which and why.</summary>
public sealed class InputDeviceException(string message, Exception? inner = null) : Exception(message, inner);
