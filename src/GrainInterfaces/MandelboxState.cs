namespace HostService.GrainInterfaces;

/// <summary>Where a mandelbox stands in its life. A mandelbox only ever moves forward.</summary>
[GenerateSerializer]
public enum MandelboxState
{
    /// <summary>Asked for; nothing is held yet.</summary>
    Allocated,

    /// <summary>Holds a lease: a TTY, three host ports, a GPU slot.</summary>
    Leased,

    /// <summary>The engine has a container for it, not yet started.</summary>
    Created,

    /// <summary>The container runs.</summary>
    Started,

    /// <summary>Runs without a user, kept warm for the next one.</summary>
    Waiting,

    /// <summary>Has its user; start-up data is being handed over and the app is coming up.</summary>
    Connecting,

    /// <summary>Ready: the caller has been given its ports and key.</summary>
    Running,

    /// <summary>Being taken down: what it held is being given back.</summary>
    Dying,

    /// <summary>Nothing of it is left.</summary>
    Gone,
}

/// <summary>What may be done in which state. The whole matrix is tested.</summary>
public static class MandelboxStates
{
    extension(MandelboxState state)
    {
        /// <summary>Whether <paramref name="next"/> may follow this state.</summary>
        public bool CanBecome(MandelboxState next) => (state, next) switch
        {
            (MandelboxState.Allocated, MandelboxState.Leased) => true,
            (MandelboxState.Leased, MandelboxState.Created) => true,
            (MandelboxState.Created, MandelboxState.Started) => true,
            (MandelboxState.Started, MandelboxState.Waiting or MandelboxState.Connecting) => true,
            (MandelboxState.Waiting, MandelboxState.Connecting) => true,
            (MandelboxState.Connecting, MandelboxState.Running) => true,
            (MandelboxState.Dying, MandelboxState.Gone) => true,
            ( < MandelboxState.Dying, MandelboxState.Dying) => true,
            _ => false,
        };

        /// <summary>Whether it may hold anything of the host's.</summary>
        public bool HoldsLease => state is > MandelboxState.Allocated and < MandelboxState.Gone;

        /// <summary>Whether its user may still come, or is there: a request sent twice gets the first answer.</summary>
        public bool IsAlive => state < MandelboxState.Dying;

        /// <summary>Whether a container of its should be running.</summary>
        public bool HasRunningContainer => state is >= MandelboxState.Started and < MandelboxState.Dying;

        /// <summary>Whether it has been handed to a user.</summary>
        public bool HasUser => state is MandelboxState.Connecting or MandelboxState.Running;

        /// <summary>Whether a stop still has something to do.</summary>
        public bool CanStop => state < MandelboxState.Gone;
    }
}
