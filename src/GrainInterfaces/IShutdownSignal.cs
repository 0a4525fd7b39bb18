namespace HostService.GrainInterfaces;

public interface IShutdownSignal
{
    /// <summary>Begins the shutdown, once, however often it is called; returns at once.</summary>
    /// <param name="force">
    /// False: a drain, which waits until the mandelboxes have ended by themselves. True: a stop, which ends them, also during a drain.
    /// </param>
    void Request(string reason, bool force);
}

/// <summary>What an operator may do besides.</summary>
public interface IShutdownControl
{
    /// <summary>Ends a drain that is only waiting for users, and takes spin-ups again. Null on success, else the reason.</summary>
    string? CancelDrain();

    /// <summary>Begins a shutdown that leaves the mandelboxes to the next run.</summary>
    void Restart();
}
