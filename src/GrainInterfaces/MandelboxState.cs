namespace HostService.GrainInterfaces;

/// <summary>The states of a mandelbox. It only moves forward.</summary>
[GenerateSerializer]
public enum MandelboxState
{
    /// <summary>Requested; holds nothing yet.</summary>
    Allocated,

    /// <summary>Holds a lease: a TTY, three host ports, a GPU slot.</summary>
    Leased,

    /// <summary>The engine has created its container, which does not run yet.</summary>
    Created,

    /// <summary>The container runs.</summary>
    Started,

    /// <summary>Runs without a user, and waits for the next one who asks for its app.</summary>
    Waiting,

    /// <summary>Assigned to a user; the app is coming up.</summary>
    Connecting,

    /// <summary>Ready: the caller has its ports and key.</summary>
    Running,

    /// <summary>Being taken down; what it holds is being released.</summary>
    Dying,

    /// <summary>Nothing of it is left.</summary>
    Gone,
}

/// <summary>What each state allows. States are listed, never compared by their order.</summary>
public static class MandelboxStates
{
    extension(MandelboxState state)
    {
        /// <summary>Whether <paramref name="next"/> may follow this state.</summary>
        public bool CanBecome(MandelboxState next) => (state, next) switch
        {
            (MandelboxState.Allocated, MandelboxState.Leased) => true,

            // Reattached: an earlier run has taken it there.
            (MandelboxState.Allocated, MandelboxState.Running) => true,

            // Adopted: it has waited under another id.
            (MandelboxState.Allocated, MandelboxState.Waiting) => true,
            (MandelboxState.Leased, MandelboxState.Created) => true,
            (MandelboxState.Created, MandelboxState.Started) => true,
            (MandelboxState.Started, MandelboxState.Waiting or MandelboxState.Connecting) => true,
            (MandelboxState.Waiting, MandelboxState.Connecting) => true,
            (MandelboxState.Connecting, MandelboxState.Running) => true,
            (_, MandelboxState.Dying) => state.IsAlive,
            (MandelboxState.Dying, MandelboxState.Gone) => true,
            _ => false,
        };

        /// <summary>Whether it can still serve its user: neither being taken down nor gone.</summary>
        public bool IsAlive => state is MandelboxState.Allocated or MandelboxState.Leased || state.HasContainer;

        /// <summary>Whether it is alive and the engine has a container of it.</summary>
        public bool HasContainer => state is MandelboxState.Created || state.HasRunningContainer;

        /// <summary>Whether its container must be running.</summary>
        public bool HasRunningContainer =>
            state is MandelboxState.Started or MandelboxState.Waiting or MandelboxState.Connecting or MandelboxState.Running;
    }
}
