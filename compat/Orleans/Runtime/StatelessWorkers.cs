namespace Orleans.Runtime;

/// <summary>The activations of one id of a stateless worker class: an idle one takes the call, else a new one, else the least busy.</summary>
internal sealed class StatelessWorkers(SiloRuntime silo, GrainClass grainClass, GrainId grainId) : IRequestTarget
{
    private readonly List<Activation> _workers = [];

    public IReadOnlyList<Activation> Workers
    {
        get
        {
            lock (_workers)
                return [.. _workers];
        }
    }

    public bool TryReceive(RequestBase request)
    {
        lock (_workers)
        {
            while (true)
            {
                var worker = _workers.Find(w => w is { Load: 0, State: ActivationState.Active or ActivationState.Activating })
                    ?? (_workers.Count < grainClass.Workers ? Add() : _workers.MinBy(w => w.Load)!);
                if (worker.TryReceive(request))
                    return true;
                _workers.Remove(worker);
            }
        }
    }

    private Activation Add()
    {
        var worker = silo.Activate(grainClass, grainId, Remove);
        _workers.Add(worker);
        return worker;
    }

    private void Remove(Activation worker)
    {
        lock (_workers)
            _workers.Remove(worker);
        silo.Forget(worker);
    }
}
