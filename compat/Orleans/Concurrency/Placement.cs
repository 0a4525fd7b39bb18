using Orleans.Runtime;

namespace Orleans.Runtime
{
    /// <summary>Where activations go. One process has one place, so only the number of activations differs.</summary>
    [Serializable, SerializerTransparent]
    public abstract class PlacementStrategy
    {
        public virtual bool IsUsingGrainDirectory => true;
    }

    internal sealed class StatelessWorkerPlacement(int maxLocal, bool removeIdleWorkers = true) : PlacementStrategy
    {
        public override bool IsUsingGrainDirectory => false;

        public int MaxLocal { get; } = maxLocal > 0 ? maxLocal : Environment.ProcessorCount;

        public bool RemoveIdleWorkers { get; } = removeIdleWorkers;
    }

    internal sealed class AnyPlacement : PlacementStrategy
    {
        public static AnyPlacement Instance { get; } = new();
    }
}

namespace Orleans.Placement
{
    [AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
    public abstract class PlacementAttribute : Attribute
    {
        protected PlacementAttribute(PlacementStrategy placement)
        {
            ArgumentNullException.ThrowIfNull(placement);
            PlacementStrategy = placement;
        }

        public PlacementStrategy PlacementStrategy { get; private set; }
    }

    [AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
    public sealed class PreferLocalPlacementAttribute : PlacementAttribute
    {
        public PreferLocalPlacementAttribute()
            : base(AnyPlacement.Instance)
        {
        }
    }
}
