namespace HostService.Tests.Cluster;

/// <summary>How a step of a mandelbox's life, or a row of the host's, fails.</summary>
public enum Fault
{
    /// <summary>It says why not.</summary>
    Refuses,
    Throws,

    /// <summary>It was done, and the answer was lost.</summary>
    LosesItsAnswer,

    /// <summary>It was not done, and there is no answer.</summary>
    Hangs,

    /// <summary>It was done, and there is no answer.</summary>
    HangsAfterwards,

    /// <summary>It was not done when a stop was requested.</summary>
    IsStopped,

    /// <summary>It was done when a stop was requested.</summary>
    IsStoppedAfterwards,
}
