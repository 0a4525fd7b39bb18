using Microsoft.Extensions.Logging;

namespace Orleans
{
    /// <summary>Stages of a silo's life.</summary>
    public static class ServiceLifecycleStage
    {
        public const int First = int.MinValue;
        public const int RuntimeInitialize = 2000;
        public const int RuntimeServices = 4000;
        public const int RuntimeStorageServices = 6000;
        public const int RuntimeGrainServices = 8000;
        public const int AfterRuntimeGrainServices = 8100;
        public const int ApplicationServices = 10000;
        public const int ValidateInitialConnectivity = 19900;
        public const int GrainDirectoryShutdown = 19997;
        public const int GrainDeactivation = 19998;
        public const int BecomeActive = 19999;
        public const int Active = 20000;
        public const int Last = int.MaxValue;
    }
}

namespace Orleans.Runtime
{
    /// <summary>A silo's life cycle as its participants see it.</summary>
    public interface ISiloLifecycle : ILifecycleObservable
    {
        int HighestCompletedStage { get; }

        int LowestStoppedStage { get; }
    }

    /// <summary>Runs once the silo is up.</summary>
    public interface IStartupTask
    {
        Task Execute(CancellationToken cancellationToken);
    }

    internal sealed class SiloLifecycle(ILogger<SiloLifecycle> logger) : LifecycleSubject(logger), ISiloLifecycle
    {
        public int HighestCompletedStage { get; private set; } = int.MinValue;

        public int LowestStoppedStage { get; private set; } = int.MaxValue;

        protected override void Started(int stage) => HighestCompletedStage = stage;

        protected override void Stopped(int stage) => LowestStoppedStage = stage;
    }
}
